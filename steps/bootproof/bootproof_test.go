package bootproof

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"auto-installer/steps/internal/sys"
)

const secret = "correct horse battery staple"

func options(root string) Options {
	return Options{
		Root: root, ESP: "/dev/x1", ESPLabel: "T-EFI", RootFS: "/dev/mapper/c", RootLabel: "T-ROOT",
		LUKS: "/dev/x2", LUKSLabel: "T-LUKS", Passphrase: []byte(secret),
	}
}

func pe() string {
	b := make([]byte, 0x84)
	copy(b, "MZ")
	b[60] = 0x80
	copy(b[0x80:], "PE\x00\x00")
	return string(b)
}

const init1 = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos/init"

// target is a tree as nixos-install leaves it: name to content, or to the
// target of a symbolic link after "->".
func target() map[string]string {
	return map[string]string{
		"boot/EFI/BOOT/BOOTX64.EFI":                    pe(),
		"boot/loader/loader.conf":                      "timeout 5\ndefault nixos-generation-*.conf\nconsole-mode keep\n",
		"boot/loader/entries/nixos-generation-9.conf":  entryText("/EFI/nixos/old.efi"),
		"boot/loader/entries/nixos-generation-10.conf": entryText("/EFI/nixos/kernel.efi"),
		"boot/loader/entries/windows.conf":             "title Windows\nefi /EFI/w.efi\n",
		"boot/EFI/nixos/kernel.efi":                    "kernel",
		"boot/EFI/nixos/initrd.efi":                    "initrd",
		init1[1:]:                                      "-> /nix/store/sh/init.sh",
		"nix/store/sh/init.sh":                         "#!/bin/sh",
	}
}

func entryText(kernel string) string {
	return "title NixOS\nversion Generation 1\nlinux " + kernel + "\ninitrd /EFI/nixos/initrd.efi\noptions init=" + init1 + " quiet loglevel=4\nmachine-id 0\n"
}

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(to, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestChain(t *testing.T) {
	for _, c := range []struct {
		name   string
		change map[string]string // "" removes
		saw    string            // in what is proven
		bad    string            // in the error, if it is one
	}{
		{name: "as it should be", saw: "entry nixos-generation-10.conf starts /EFI/nixos/kernel.efi with /EFI/nixos/initrd.efi and init " + init1},
		{name: "the default without .conf", change: map[string]string{"boot/loader/loader.conf": "default nixos-generation-10"}, saw: "nixos-generation-10.conf"},
		{name: "an exact default", change: map[string]string{
			"boot/loader/loader.conf": "default nixos-generation-9.conf\n", "boot/EFI/nixos/old.efi": "k",
		}, saw: "nixos-generation-9.conf starts /EFI/nixos/old.efi"},
		{name: "no default means any", change: map[string]string{
			"boot/loader/loader.conf": "timeout 3\n", "boot/loader/entries/windows.conf": "",
		}, saw: "nixos-generation-10.conf"},
		{name: "tabs between words", change: map[string]string{
			"boot/loader/loader.conf":                      "default\tnixos-*\n",
			"boot/loader/entries/nixos-generation-10.conf": "linux\t/EFI/nixos/kernel.efi\ninitrd \t /EFI/nixos/initrd.efi\noptions\tinit=" + init1 + "\n",
		}, saw: "kernel.efi with /EFI/nixos/initrd.efi"},
		{name: "two initrds", change: map[string]string{
			"boot/loader/entries/nixos-generation-10.conf": "initrd /EFI/nixos/ucode\n" + entryText("/EFI/nixos/kernel.efi"), "boot/EFI/nixos/ucode": "u",
		}, saw: "with /EFI/nixos/ucode, /EFI/nixos/initrd.efi"},
		{name: "the last init counts", change: map[string]string{
			"boot/loader/entries/nixos-generation-10.conf": "options init=/bad\n" + entryText("/EFI/nixos/kernel.efi"),
		}, saw: "init " + init1},

		{name: "no loader.conf", change: map[string]string{"boot/loader/loader.conf": ""}, bad: "no configuration of systemd-boot"},
		{name: "default of nothing", change: map[string]string{"boot/loader/loader.conf": "default arch-*"}, bad: `no boot entry matches loader.conf's default "arch-*"`},
		{name: "bad pattern", change: map[string]string{"boot/loader/loader.conf": "default nixos-[.conf"}, bad: "bad pattern"},
		{name: "kernel missing", change: map[string]string{"boot/EFI/nixos/kernel.efi": ""}, bad: "/boot/EFI/nixos/kernel.efi is not there"},
		{name: "kernel empty", change: map[string]string{"boot/EFI/nixos/kernel.efi": "empty"}, bad: "kernel.efi is empty"},
		{name: "initrd missing", change: map[string]string{"boot/EFI/nixos/initrd.efi": ""}, bad: "initrd.efi is not there"},
		{name: "initrd empty", change: map[string]string{"boot/EFI/nixos/initrd.efi": "empty"}, bad: "initrd.efi is empty"},
		{name: "the second initrd missing", change: map[string]string{
			"boot/loader/entries/nixos-generation-10.conf": entryText("/EFI/nixos/kernel.efi") + "initrd /EFI/nixos/more\n",
		}, bad: "more is not there"},
		{name: "no initrd", change: map[string]string{
			"boot/loader/entries/nixos-generation-10.conf": "linux /EFI/nixos/kernel.efi\noptions init=" + init1 + "\n",
		}, bad: "no kernel or no initrd"},
		{name: "no init=", change: map[string]string{
			"boot/loader/entries/nixos-generation-10.conf": "linux /EFI/nixos/kernel.efi\ninitrd /EFI/nixos/initrd.efi\noptions quiet\n",
		}, bad: "no init="},
		{name: "init missing", change: map[string]string{"nix/store/sh/init.sh": "", "nix/store/sh/x": "x"}, bad: "/nix/store/sh/init.sh is not there"},
		{name: "init's link loops", change: map[string]string{"nix/store/sh/init.sh": "-> " + init1}, bad: "too many symbolic links"},
		{name: "init is a folder", change: map[string]string{"nix/store/sh/init.sh": "", "nix/store/sh/init.sh/x": "x"}, bad: "is a directory"},
		{name: "the newest entry is empty", change: map[string]string{"boot/loader/entries/nixos-generation-11.conf": "empty"}, bad: "nixos-generation-11.conf names no kernel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := target()
			for name, content := range c.change {
				switch content {
				case "":
					delete(files, name)
				case "empty":
					files[name] = ""
				default:
					files[name] = content
				}
			}
			saw, err := entry(options(tree(t, files)))
			if c.bad != "" {
				if err == nil || !strings.Contains(err.Error(), c.bad) {
					t.Errorf("%q, %v; want the error %q", saw, err, c.bad)
				}
			} else if err != nil || !strings.Contains(saw, c.saw) {
				t.Errorf("%q, %v; want %q", saw, err, c.saw)
			}
		})
	}
}

func TestLoader(t *testing.T) {
	for _, c := range []struct {
		name, content, bad string
	}{
		{"sound", pe(), ""},
		{"missing", "", "no loader on the ESP"},
		{"not PE", strings.Repeat("x", 4096), "is not an EFI program"},
		{"no PE signature", "MZ" + strings.Repeat("\x00", 200), "is not an EFI program"},
		{"no MZ", "XX" + pe()[2:], "is not an EFI program"},
		{"cut after MZ", "MZ", "is cut short"},
		{"cut before PE", pe()[:0x82], "is not an EFI program"},
		{"PE header past the end", pe()[:60] + "\xff\xff\xff\xff" + pe()[64:], "is not an EFI program"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"boot/EFI/BOOT/other": "x"}
			if c.content != "" {
				files["boot/EFI/BOOT/BOOTX64.EFI"] = c.content
			}
			_, err := loader(options(tree(t, files)))
			if (err == nil) != (c.bad == "") || err != nil && !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%v", err)
			}
		})
	}
	if saw, err := loader(options(tree(t, map[string]string{"boot/EFI/BOOT/BOOTAA64.EFI": pe()}))); err != nil || !strings.Contains(saw, "BOOTAA64") {
		t.Errorf("%q, %v", saw, err)
	}
	if _, err := loader(options(tree(t, map[string]string{"boot/EFI/BOOT/BOOTX64.EFI": "empty"[:0]}))); err == nil {
		t.Error("an empty loader is taken")
	}
}

func TestResolve(t *testing.T) {
	root := tree(t, map[string]string{
		"a/file": "x", "abs": "-> /a/file", "rel": "-> a/file", "up": "-> ../../../a/file", "a/back": "-> ../abs",
		"dir": "-> /a", "chain": "-> dir/back", "loop": "-> loop", "loop1": "-> /loop2", "loop2": "-> loop1",
		"host": "-> /etc/hostname-of-the-live-system", "dangling": "-> /gone", "through": "-> a/file/more",
	})
	for name, want := range map[string]string{
		"a/file": "a/file", "/a/file": "a/file", "//a/./file": "a/file", "abs": "a/file", "rel": "a/file", "up": "a/file",
		"dir/file": "a/file", "chain": "a/file", "dir/../abs": "a/file", "../../a/file": "a/file", "/": "", "dir": "a",
	} {
		if got, err := resolve(root, name); err != nil || got != filepath.Join(root, want) {
			t.Errorf("resolve(%q) = %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"loop", "loop1", "host", "dangling", "through", "gone/x", "a/file/x"} {
		if got, err := resolve(root, name); err == nil {
			t.Errorf("resolve(%q) = %q", name, got)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	ordered := []string{
		"", "a", "nixos-generation-1.conf", "nixos-generation-2.conf", "nixos-generation-09.conf", "nixos-generation-10.conf",
		"nixos-generation-99999999999999999999998.conf", "nixos-generation-99999999999999999999999.conf",
		"nixos-generation-100000000000000000000000.conf", "o",
	}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := compareVersions(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("compareVersions(%q, %q) = %d", a, b, got)
			}
		}
	}
	if compareVersions("a-01", "a-1") != 0 {
		t.Error("leading zeros count")
	}
	// The entry of the generation, not of a specialisation in it.
	if compareVersions("nixos-generation-5.conf", "nixos-generation-5-specialisation-x.conf") <= 0 {
		t.Error("a specialisation is taken for the default")
	}
}

func TestActionsAreWhatRunRuns(t *testing.T) {
	for _, luks := range []bool{true, false} {
		o := options(t.TempDir())
		if !luks {
			o.LUKS, o.LUKSLabel, o.Passphrase = "", "", nil
		}
		actions := Actions(o)
		want := [][]string{
			{"sync", "--file-system", o.Root, o.Root + "/boot"},
			nil,
			{"blkid", "--probe", "--output", "export", "/dev/x1"},
			{"blkid", "--probe", "--output", "export", "/dev/mapper/c"},
		}
		if luks {
			want = append(want, []string{"blkid", "--probe", "--output", "export", "/dev/x2"},
				[]string{"cryptsetup", "open", "--type", "luks2", "--test-passphrase", "--key-file", "-", "/dev/x2"})
		}
		var got [][]string
		for _, a := range actions {
			got = append(got, a.Argv)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		told, err := json.Marshal(actions)
		if err != nil || strings.Contains(string(told), "horse") {
			t.Errorf("%s, %v", told, err)
		}
	}
	c := try(options("/"), "passphrase", options("/").Passphrase)
	if string(c.Stdin) != secret || c.Secret == "" || strings.Contains(c.String(), "horse") {
		t.Errorf("%+v", c.Action())
	}
}

func TestLabel(t *testing.T) {
	for _, c := range []struct {
		name, out, bad string
	}{
		{"as planned", "DEVNAME=/dev/x1\nLABEL=T-EFI\nTYPE=vfat\n", ""},
		{"with spaces", "LABEL=T-EFI \nTYPE=vfat", ""},
		{"another label", "LABEL=ELSE\nTYPE=vfat\n", `label "ELSE"`},
		{"another file system", "LABEL=T-EFI\nTYPE=ext4\n", `holds "ext4"`},
		{"partition label only", "PART_ENTRY_NAME=T-EFI\nTYPE=vfat\n", `label ""`},
		{"nothing", "", `holds ""`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := sys.NewFake(t)
			f.Expect("blkid", "--probe", "--output", "export", "/dev/x1").Prints(c.out)
			saw, err := label(t.Context(), f, "/dev/x1", "vfat", "T-EFI")
			if c.bad == "" && (err != nil || saw != "/dev/x1 is vfat T-EFI") || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)) {
				t.Errorf("%q, %v", saw, err)
			}
		})
	}
	f := sys.NewFake(t)
	f.Expect("blkid", "--probe", "--output", "export", "/dev/x1").Fails(2, "")
	if _, err := label(t.Context(), f, "/dev/x1", "vfat", "T-EFI"); err == nil {
		t.Error("no error")
	}
}

// A boot loader that went into a folder of the root starts nothing. The
// target here is one file system, so Run stops at its first link.
func TestESPThatIsNotMounted(t *testing.T) {
	o := options(tree(t, target()))
	o.ESP = "/dev/null"
	f := sys.NewFake(t)
	f.Expect("sync", "--file-system", o.Root, o.Root+"/boot")
	err := Run(t.Context(), f, o)
	fault, ok := errors.AsType[*sys.Fault](err)
	if !ok || fault.Code != sys.CodeBootProof || fault.Hint == "" || !strings.Contains(fault.Cause, "/dev/null is not mounted at") {
		t.Errorf("%+v", err)
	}
	if strings.Contains(fmt.Sprintf("%#v", err), "horse") || len(f.Logged) != 0 {
		t.Errorf("%#v, %q", err, f.Logged)
	}
	// Another file system is there, and it is not that device.
	root := t.TempDir()
	if err := os.Symlink("/proc", filepath.Join(root, "boot")); err != nil {
		t.Fatal(err)
	}
	o.Root = root
	if _, err := espIsMounted(o); err == nil {
		t.Error("/proc is taken for the ESP")
	}
	o.ESP = filepath.Join(root, "gone")
	if _, err := espIsMounted(o); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("%v", err)
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, s := range []string{entryText("/k"), "", "linux", "linux \n", "initrd /a\ninitrd /b\nefi /k", "options init=", "tr\x85 /b\nefi /", "uki /EFI/Linux/a.efi\n", "options\tinit=/a init=/b\nlinux\t/k\ninitrd\t/i", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseEntry("x.conf", text)
		if err == nil && (e.kernel == "" || len(e.initrds) == 0 && !e.unified) {
			t.Fatalf("%q passes as %+v", text, e)
		}
		for _, value := range append([]string{e.kernel, e.init}, e.initrds...) {
			if !strings.Contains(text, value) || strings.Contains(value, "\n") {
				t.Fatalf("%q is read from %q", value, text)
			}
		}
		if slices.Contains(e.initrds, "") && err == nil {
			t.Fatalf("%q has an initrd without a name", text)
		}
	})
}

// Boot counting changes an entry's file name, a unified kernel image needs no
// initrd line.
func TestCountedAndUnifiedEntries(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"boot/loader/loader.conf":                         "default nixos-generation-2.conf\n",
		"boot/loader/entries/nixos-generation-2+3-1.conf": "uki /EFI/Linux/nixos.efi\n",
		"boot/loader/entries/nixos-generation-1.conf":     entryText("/k"),
		"boot/EFI/Linux/nixos.efi":                        "MZ",
	} {
		file := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	saw, err := entry(Options{Root: root})
	if err != nil || !strings.Contains(saw, "nixos-generation-2+3-1.conf starts /EFI/Linux/nixos.efi") {
		t.Errorf("%q, %v", saw, err)
	}
}
