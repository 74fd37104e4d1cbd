package bootproof

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"auto-installer/hosts/facts"
	"auto-installer/internal/boot/efi/efitest"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// What is as it should be is proven, and said.
func TestSound(t *testing.T) {
	const own = "kernel and initrd on the ESP are the system's own, byte by byte"
	const uki = "EFI/Linux/nixos-generation-10.efi"
	sections := func(more ...efitest.Section) string {
		return string(efitest.Program(machineType, append([]efitest.Section{
			{Name: ".osrel", Data: []byte("ID=nixos\nPRETTY_NAME=NixOS\nVERSION_ID=10\n")},
			{Name: ".cmdline", Data: []byte("init=" + toplevel + "/init quiet")},
		}, more...)...))
	}
	unified := sections(efitest.Section{Name: ".initrd", Data: []byte(initrd)}, efitest.Section{Name: ".linux", Data: []byte(kernel)})
	hash := func(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }
	thin := sections(
		efitest.Section{Name: ".linux", Data: []byte(`\EFI\nixos\kernel.efi`)}, efitest.Section{Name: ".linuxh", Data: hash(kernel)},
		efitest.Section{Name: ".initrd", Data: []byte(`\EFI\nixos\initrd.efi`)}, efitest.Section{Name: ".initrdh", Data: hash(initrd)})
	grub := "set default=0\nmenuentry \"NixOS\" {\n  search --set=drive1 --fs-uuid AB-CD\n  linux ($drive1)/kernels/k-bzImage init=" + toplevel +
		"/init quiet\n  initrd ($drive1)//kernels/i-initrd\n}\nmenuentry old {\n linux ($drive1)/kernels/gone\n}\n"
	noLoader := map[string]string{
		"loader/loader.conf": "", "loader/entries/nixos-generation-9.conf": "", "loader/entries/nixos-generation-10.conf": "",
	}
	for _, c := range []struct {
		name string
		g    *target
		saw  []string
	}{
		{"systemd-boot", sound(), []string{
			"the firmware starts it first (Boot0002, Linux Boot Manager)", removable + " is systemd-boot 257.9 for ",
			"nixos-generation-10.conf starts by default: loader.conf's default, of 2",
			"read to the end: kernel.efi, initrd.efi", own, "init= leads to the installed system, " + toplevel,
			"found on this disk alone: / by label T-ROOT, /boot by label T-EFI", "is vfat T-EFI", "/dev/mapper/c is ext4 T-ROOT",
			"/dev/x2 is crypto_LUKS T-LUKS", "the passphrase opens /dev/x2", "its 3 store paths are on the disk as they were built",
		}},
		{"secrets after the initrd", sound().with(map[string]string{"EFI/nixos/initrd.efi": initrd + "secrets"}), []string{own}},
		{"microcode in an initrd before it", sound().with(map[string]string{
			"loader/entries/nixos-generation-10.conf": "initrd /EFI/nixos/ucode\n" + entryText("/EFI/nixos/kernel.efi"), "EFI/nixos/ucode": "u",
		}), []string{"read to the end: kernel.efi, ucode, initrd.efi", own}},
		{"a store without kernel and initrd", sound().rooted(map[string]string{toplevel + "/kernel": "", toplevel + "/initrd": ""}), []string{"kernel and initrd on the ESP can be read to the end\n"}},
		{"boots are counted", sound().with(map[string]string{
			"loader/entries/nixos-generation-10.conf": "", "loader/entries/nixos-generation-10+3.conf": entryText("/EFI/nixos/kernel.efi"),
		}), []string{"nixos-generation-10+3.conf starts"}},
		{"no entry in the firmware", func() *target {
			g := sound()
			delete(g.vars, "Boot0002-8be4df61-93ca-11d2-aa0d-00e098032b8c")
			return g
		}(), []string{
			"it will search the disk by itself",
		}},
		{"the firmware cannot be read", func() *target { g := sound(); g.vars = nil; return g }(), []string{"the firmware's boot menu cannot be read"}},
		{"a boot loader of another kind", func() *target {
			g := sound().with(noLoader)
			g.facts.Loader.External = true
			return g
		}(), []string{"which kernel it starts is not proven", removable + " is "}},
		{"the host opens the container under another name", func() *target {
			g := sound()
			g.facts = initrdOpens("ours", "/dev/disk/by-partlabel/T-LUKS")
			return g
		}(), []string{"the initrd opens /dev/x2 as c"}},
		{"only an entry in the firmware", sound().with(map[string]string{removable: ""}), []string{
			"the disk starts only on firmware that has the entry Boot0002", "EFI/systemd/systemd-boot.efi is systemd-boot",
		}},
		{"another disk first", func() *target {
			g := sound()
			g.vars["BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c"] = []byte{3, 0, 2, 0}
			g.vars["Boot0003-8be4df61-93ca-11d2-aa0d-00e098032b8c"] = loadOption("Windows", "88888888-2222-4333-8444-555555555555", `\w.efi`)
			return g
		}(), []string{"the firmware starts Boot0003 (Windows) first"}},
		{"a unified kernel in an entry", sound().with(map[string]string{
			"loader/entries/nixos-generation-10.conf": "title NixOS\nuki /EFI/Linux/x.efi\n", "EFI/Linux/x.efi": unified,
		}), []string{"read to the end: x.efi", own, "init= leads to"}},
		{"a unified kernel", sound().with(noLoader).with(map[string]string{"loader/loader.conf": "timeout 1\n", uki: unified}), []string{
			"nixos-generation-10.efi starts by default: the first of the menu, of 1", own,
		}},
		{"Lanzaboote", sound().with(noLoader).with(map[string]string{"loader/loader.conf": "timeout 1\n", uki: thin}), []string{
			own,
		}},
		{"a unified kernel instead of a loader", sound().with(noLoader).with(map[string]string{removable: unified}), []string{
			removable + " is a unified kernel", "the firmware starts the unified kernel",
		}},
		{"GRUB", sound().with(noLoader).with(map[string]string{
			removable: string(efitest.Program(machineType)), "grub/grub.cfg": grub, "kernels/k-bzImage": kernel, "kernels/i-initrd": initrd,
		}), []string{
			removable + " is a loader", "GRUB's menu was read, not run", "the first entry of grub/grub.cfg starts /kernels/k-bzImage",
			"read to the end: k-bzImage, i-initrd", own, "init= leads to",
		}},
		{"GRUB that reads the root", sound().with(noLoader).with(map[string]string{
			removable:       string(efitest.Program(machineType)),
			"grub/grub.cfg": "linux ($drive2)/nix/store/k/bzImage init=" + toplevel + "/init\ninitrd ($drive2)/nix/store/i/initrd\n",
		}), []string{own}},
		{"another program", sound().with(map[string]string{
			"loader/entries/nixos-generation-10.conf": "title x\nefi /EFI/shell.efi\noptions init=" + toplevel + "/init\n", "EFI/shell.efi": sdBoot,
		}), []string{"is an EFI program of its own: what it starts is not proven"}},
		{"by UUID and root=", sound().rooted(map[string]string{
			"nix/store/e/etc/fstab": "UUID=1234-root / ext4 defaults 0 1\nPARTUUID=" + strings.ToUpper(espGUID) + " /boot vfat defaults\n",
		}).with(map[string]string{
			"loader/entries/nixos-generation-10.conf": strings.Replace(entryText("/EFI/nixos/kernel.efi"), "root=fstab", "root=/dev/mapper/c", 1),
		}), []string{"root= by /dev/mapper/c, / by UUID=1234-root, /boot by PARTUUID="}},
		{"no fstab", sound().rooted(map[string]string{"nix/store/e/etc/fstab": "", "nix/store/e/etc/x": "x"}), []string{
			"the system has no etc/fstab", "found on this disk alone: / by LABEL=T-ROOT",
		}},
		{"a data disk that is not there", sound().rooted(map[string]string{
			"nix/store/e/etc/fstab": "LABEL=T-ROOT / ext4\nLABEL=data /data ext4 defaults\nLABEL=gone /x ext4 nofail\n/data /srv none bind\n",
		}), []string{"not proven: /data of the installed system is on LABEL=data, which names 0 attached devices"}},
		{"what the initrd opens", func() *target {
			g := sound()
			g.options = func(o *Options) { o.RecoveryKey = []byte("key") }
			return g
		}(), []string{"the initrd opens /dev/x2 as c", "the recovery key opens /dev/x2"}},
		{"a store that the medium has too", sound().claiming(`{"` + toplevel + `":{"narHash":"sha256-t="},"/nix/store/a-lib":{"narHash":"sha256-l="}}`), []string{
			"its 3 store paths are on the disk as they were built and are on the medium",
		}},
		{"not hashed again", func() *target {
			g := sound()
			g.options = func(o *Options) { o.SkipContents = true }
			return g
		}(), []string{"the passphrase opens"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.g.prove(t)
			if r.fault != nil {
				t.Fatalf("%s\n%s", r.fault.Cause, r.log)
			}
			for _, want := range c.saw {
				if !strings.Contains(r.log+"\n", want) {
					t.Errorf("no %q in\n%s", want, r.log)
				}
			}
			if len(r.fake.Reports) < 8 || r.fake.Reports[0].Unit != "checks" {
				t.Errorf("progress: %+v", r.fake.Reports)
			}
		})
	}
}

// initrdOpens is a host with one container.
func initrdOpens(name, device string) facts.Facts {
	return facts.Facts{LUKSDevices: map[string]facts.LUKSDevice{name: {Device: device}}}
}

// The proof finds and names each fault that keeps a machine from starting.
func TestBroken(t *testing.T) {
	const nine, ten = "loader/entries/nixos-generation-9.conf", "loader/entries/nixos-generation-10.conf"
	vars := func(name string, b []byte) *target {
		g := sound()
		g.vars[name+"-8be4df61-93ca-11d2-aa0d-00e098032b8c"] = b
		return g
	}
	disk := func(json string) *target { g := sound(); g.devices = "," + json; return g }
	opens := func(name, device string) *target { g := sound(); g.facts = initrdOpens(name, device); return g }
	arm := string(efitest.Program(other))
	uki := func(sections ...efitest.Section) *target {
		return sound().with(map[string]string{
			"EFI/Linux/x.efi": string(efitest.Program(machineType, sections...)), ten: "title x\nuki /EFI/Linux/x.efi\n",
		})
	}
	osrel := efitest.Section{Name: ".osrel", Data: []byte("NAME=a\nVERSION=1\n")}
	cmdline := efitest.Section{Name: ".cmdline", Data: []byte("init=" + toplevel + "/init")}
	linux := efitest.Section{Name: ".linux", Data: []byte(kernel)}
	for _, c := range []struct {
		name string
		g    *target
		bad  string
	}{
		{"no loader", sound().with(map[string]string{removable: "", "EFI/systemd/systemd-boot.efi": ""}), "no loader on the ESP at " + removable},
		{"a loader for another processor", sound().with(map[string]string{removable: arm}), removable + " is for "},
		{"a loader that is text", sound().with(map[string]string{removable: strings.Repeat("x", 4096)}), removable + ": not an EFI program"},
		{"a loader cut short", sound().with(map[string]string{removable: sdBoot[:len(sdBoot)-200]}), "cut short"},
		{"an empty loader", sound().with(map[string]string{removable: "\x00"}), "not an EFI program"},
		{"the firmware's entry names a file that is not there", vars("Boot0002", loadOption("Linux", espGUID, `\EFI\gone.efi`)), "Boot0002 (Linux): EFI/gone.efi is not on the ESP"},
		{"the firmware's entry names no program", vars("Boot0002", loadOption("Linux", espGUID, `\loader\loader.conf`)), "loader/loader.conf: not an EFI program"},
		{"Secure Boot without a signature", vars("SecureBoot", []byte{1}), "Secure Boot is on, and " + removable + " has no signature"},

		{"no loader.conf", sound().with(map[string]string{"loader/loader.conf": ""}), "loader/loader.conf is not on the ESP"},
		{"nothing of a loader", sound().with(map[string]string{"loader/loader.conf": "", nine: "", ten: ""}), "the ESP has no configuration of systemd-boot"},
		{"no entries", sound().with(map[string]string{nine: "", ten: ""}), "there is no boot entry"},
		{"a default of nothing", sound().with(map[string]string{"loader/loader.conf": "default arch-*"}), `no boot entry matches loader.conf's default "arch-*"`},
		{"a bad pattern", sound().with(map[string]string{"loader/loader.conf": "default nixos-[.conf"}), "bad pattern"},
		{"an entry that names nothing", sound().with(map[string]string{ten: "title x\n"}), "entry nixos-generation-10.conf: it names neither"},
		{"an entry of zeros", sound().with(map[string]string{ten: strings.Repeat("\x00", 300)}), "NUL byte"},
		{"another entry that is broken", sound().with(map[string]string{nine: "title x\nlinux /EFI/nixos/gone.efi\n"}), "entry nixos-generation-9.conf: /EFI/nixos/gone.efi is not on the ESP"},

		{"no kernel", sound().with(map[string]string{"EFI/nixos/kernel.efi": ""}), "/EFI/nixos/kernel.efi is not on the ESP"},
		{"a kernel for another processor", sound().with(map[string]string{"EFI/nixos/kernel.efi": arm}), "/EFI/nixos/kernel.efi is for "},
		{"another kernel", sound().with(map[string]string{"EFI/nixos/kernel.efi": kernel + "x"}), "/EFI/nixos/kernel.efi is not the system's kernel"},
		{"a kernel with a wrong byte", sound().with(map[string]string{"EFI/nixos/kernel.efi": strings.Replace(kernel, "the kernel", "the kernal", 1)}), "is not the system's kernel"},
		{"a truncated kernel", sound().with(map[string]string{"EFI/nixos/kernel.efi": kernel[:len(kernel)-100]}), "cut short"},
		{"no initrd", sound().with(map[string]string{"EFI/nixos/initrd.efi": ""}), "/EFI/nixos/initrd.efi is not on the ESP"},
		{"a truncated initrd", sound().with(map[string]string{"EFI/nixos/initrd.efi": initrd[:20000]}), "none of its initrds (/EFI/nixos/initrd.efi) is the system's"},
		{"no initrd in the entry", sound().with(map[string]string{ten: strings.ReplaceAll(entryText("/EFI/nixos/kernel.efi"), "initrd ", "#")}), "none of its initrds"},
		{"the second initrd missing", sound().with(map[string]string{ten: entryText("/EFI/nixos/kernel.efi") + "initrd /more\n"}), "/more is not on the ESP"},
		{"a kernel that is a folder", sound().with(map[string]string{ten: entryText("/EFI/nixos")}), "is a folder"},

		{"a kernel that the store has lost", sound().rooted(map[string]string{"nix/store/k/bzImage": ""}), ": /nix/store/k: no such file"},

		{"no init=", sound().with(map[string]string{ten: strings.ReplaceAll(entryText("/EFI/nixos/kernel.efi"), "init=", "xinit=")}), "no init= on its command line"},
		{"init missing", sound().rooted(map[string]string{"nix/store/sh/init.sh": ""}), "/init: /nix/store/sh: no such file"},
		{"init in a circle", sound().rooted(map[string]string{"nix/store/sh/init.sh": "-> " + toplevel + "/init"}), "too many symbolic links"},
		{"init is a folder", sound().rooted(map[string]string{"nix/store/sh/init.sh": "", "nix/store/sh/init.sh/x": "x"}), "is not a file"},
		{"init is empty", sound().rooted(map[string]string{toplevel + "/init": "-> /empty", "/empty": "-> /dev/null"}), ": /dev: no such file"},
		{"init of another system", sound().with(map[string]string{ten: strings.ReplaceAll(entryText("/EFI/nixos/kernel.efi"), toplevel, "/nix/store/other")}).
			rooted(map[string]string{"nix/store/other/init": "#!/bin/sh"}), "init= of the default entry is of /nix/store/other, not of the installed system"},
		{"the profile of another system", sound().rooted(map[string]string{"nix/var/nix/profiles/system-1-link": "-> /nix/store/other", "nix/store/other/init": "x"}), "the system profile is of /nix/store/other"},
		{"no profile", sound().rooted(map[string]string{"nix/var/nix/profiles/system": ""}), "the system profile: /nix/var/nix/profiles/system: no such file"},

		{"the root by another label", sound().rooted(map[string]string{"nix/store/e/etc/fstab": "/dev/disk/by-label/ELSE / ext4\n"}), "/: no attached device is /dev/disk/by-label/ELSE"},
		{"/boot by another label", sound().rooted(map[string]string{"nix/store/e/etc/fstab": "LABEL=T-ROOT / ext4\nLABEL=X /boot vfat\n"}), "/boot: no attached device is LABEL=X"},
		{"the root by a wrong root=", sound().with(map[string]string{ten: strings.Replace(entryText("/EFI/nixos/kernel.efi"), "root=fstab", "root=LABEL=ELSE", 1)}), "root=: no attached device is LABEL=ELSE"},
		{"two disks with one label", disk(`{"name":"y1","kname":"y1","path":"/dev/y1","maj:min":"252:1","type":"part","size":1,"fstype":"ext4","label":"T-ROOT"}`), "names 2 devices, /dev/mapper/c and /dev/y1"},
		{"two ESPs with one label", disk(`{"name":"y1","kname":"y1","path":"/dev/y1","maj:min":"252:1","type":"part","size":1,"fstype":"vfat","label":"T-EFI"}`), "/boot: /dev/disk/by-label/T-EFI names 2 devices"},
		{"the root on another disk", func() *target {
			g := disk(`{"name":"y1","kname":"y1","path":"/dev/y1","maj:min":"252:1","type":"part","size":1,"fstype":"ext4","label":"OTHER"}`)
			return g.rooted(map[string]string{"nix/store/e/etc/fstab": "LABEL=OTHER / ext4\n"})
		}(), "/: LABEL=OTHER is /dev/y1, not /dev/mapper/c"},
		{"another label on the ESP", func() *target { g := sound(); g.blkid = map[string]string{"vfat": "TYPE=vfat\nLABEL=ELSE\n"}; return g }(), `label "ELSE", not vfat with label T-EFI`},
		{"no file system on the root", func() *target { g := sound(); g.blkid = map[string]string{"ext4": ""}; return g }(), `/dev/mapper/c holds "" with label ""`},
		{"the passphrase does not open it", func() *target {
			g := sound()
			g.luks = func(c *sys.Call) { c.Fails(2, "No key available with this passphrase.") }
			return g
		}(), "the passphrase: it does not open /dev/x2: cryptsetup failed (exit code 2): No key available"},
		{"the initrd opens another name", opens("cryptroot", "/dev/x2"), `it opens ["cryptroot"]; the installer opened the container as c`},
		{"the initrd opens another device", opens("c", "/dev/disk/by-partlabel/ELSE"), "c: no attached device is /dev/disk/by-partlabel/ELSE"},
		{"a store path was changed", func() *target {
			g := sound()
			g.nix = func(c *sys.Call) {
				c.Says(`@nix {"action":"msg","level":0,"msg":"path '/nix/store/a' was modified! expected hash 'x', got 'y'"}`).Fails(1, "")
			}
			return g
		}(), "path '/nix/store/a' was modified!"},

		{"a unified kernel without a kernel", uki(osrel, cmdline, efitest.Section{Name: ".linux", Data: []byte("no kernel")}), "x.efi (.linux): not an EFI program"},
		{"a unified kernel without an initrd", uki(osrel, cmdline, linux), "has no initrd"},
		{"a unified kernel without a name", uki(cmdline, linux), "its .osrel section has no name"},
		{"a unified kernel without a command line", uki(osrel, linux, efitest.Section{Name: ".initrd", Data: []byte(initrd)}), "no init= on its command line"},
		{"Lanzaboote with another kernel", uki(osrel, cmdline, efitest.Section{Name: ".linux", Data: []byte(`\EFI\nixos\old.efi`)},
			efitest.Section{Name: ".linuxh", Data: make([]byte, 32)}), "old.efi is not the file that the image was made for"},
		{"GRUB without its kernel", sound().with(map[string]string{
			"loader/loader.conf": "", nine: "", ten: "", "grub/grub.cfg": "linux ($drive1)/kernels/gone init=/x\n",
		}), "/kernels/gone: /kernels: no such file"},
		{"GRUB without anything", sound().with(map[string]string{"loader/loader.conf": "", nine: "", ten: "", "grub/grub.cfg": "set timeout=5\n"}), "grub/grub.cfg starts no kernel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.g.prove(t)
			if r.fault == nil || !strings.Contains(r.fault.Cause, c.bad) {
				t.Errorf("%v; want %q\n%s", r.fault, c.bad, r.log)
			}
		})
	}
}

// Every failure is reported together, each with its hint.
func TestEveryFailureIsReported(t *testing.T) {
	g := sound().with(map[string]string{removable: "x", "EFI/nixos/initrd.efi": "short"}).rooted(map[string]string{"nix/store/sh/init.sh": ""})
	g.luks = func(c *sys.Call) { c.Fails(2, "No key available with this passphrase.") }
	r := g.prove(t)
	if r.fault == nil || !strings.HasPrefix(r.fault.Cause, "the machine might not start, 4 of 13 checks failed:\n") {
		t.Fatalf("%v", r.fault)
	}
	for _, want := range []string{"the loader: ", "kernel and initrd: ", "init: ", "the passphrase: "} {
		if !strings.Contains(r.fault.Cause, "\n"+want) {
			t.Errorf("no %q in %s", want, r.fault.Cause)
		}
	}
	if !strings.Contains(r.fault.Hint, "boot loader did not install") || !strings.Contains(r.fault.Hint, "; the LUKS header") {
		t.Error(r.fault.Hint)
	}
	// Without the ESP, the checks that need it are skipped and the rest are made.
	g = sound()
	g.options = func(o *Options) {
		f, err := os.OpenFile(o.ESP, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.Write(make([]byte, 512))
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	g.rooted(map[string]string{"nix/store/e/etc/fstab": "LABEL=T-ROOT / ext4\n"})
	r = g.prove(t)
	if r.fault == nil || !strings.Contains(r.fault.Cause, "the ESP itself: ") || !strings.Contains(r.fault.Cause, "not a FAT32 file system") ||
		!strings.Contains(r.log, "skipped, because an earlier check failed: kernel and initrd") || strings.Contains(r.fault.Cause, "\n") {
		t.Errorf("%v\n%s", r.fault, r.log)
	}
}

func TestShown(t *testing.T) {
	for _, luks := range []bool{true, false} {
		o := Options{
			Root: "/mnt", Toplevel: "/run/toplevel", ESP: "/dev/x1", ESPLabel: "E", RootFS: "/dev/mapper/c", RootLabel: "R",
			LUKS: "/dev/x2", LUKSLabel: "L", Passphrase: []byte(secret),
		}
		if !luks {
			o.LUKS, o.LUKSLabel, o.Passphrase = "", "", nil
		}
		actions := enginetest.Shown(Ops(o)...)
		want := [][]string{
			{"sync", "--file-system", "/mnt", "/mnt/boot"},
			{"blkid", "--probe", "--output", "export", "/dev/x1"},
			{"blkid", "--probe", "--output", "export", "/dev/mapper/c"},
		}
		if luks {
			want = append(want, []string{"blkid", "--probe", "--output", "export", "/dev/x2"},
				[]string{"cryptsetup", "open", "--type", "luks2", "--test-passphrase", "--key-file", "-", "/dev/x2"})
		}
		want = append(want, []string{
			"nix", "--extra-experimental-features", "nix-command", "store", "verify", "--store", "/mnt",
			"--no-trust", "--recursive", "--log-format", "internal-json", "-v", "<toplevel>",
		})
		got := enginetest.Commands(actions)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		text, err := json.Marshal(actions)
		if err != nil || strings.Contains(string(text), "horse") || !strings.Contains(string(text), "look at the boot entries") {
			t.Errorf("%s, %v", text, err)
		}
	}
}

// A boot loader in a folder of the root starts nothing.
func TestESPThatIsNotMounted(t *testing.T) {
	root := t.TempDir()
	tree(t, root, map[string]string{"boot/x": "x"})
	p := &proof{o: Options{Root: root, ESP: "/dev/null"}}
	if _, err := p.espIsMounted(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "/dev/null is not mounted at "+root+"/boot") {
		t.Errorf("%v", err)
	}
	// Another file system is there, and it is not that device.
	root = t.TempDir()
	if err := os.Symlink("/proc", filepath.Join(root, "boot")); err != nil {
		t.Fatal(err)
	}
	p.o.Root = root
	if _, err := p.espIsMounted(t.Context(), nil); err == nil {
		t.Error("/proc is taken for the ESP")
	}
	p.o.ESP = filepath.Join(root, "gone")
	if _, err := p.espIsMounted(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("%v", err)
	}
	// A failed flush ends the proof.
	f := sys.NewFake(t)
	f.Expect("sync", "--file-system", root, root+"/boot").Fails(1, "sync: error syncing: Input/output error")
	err := enginetest.Run(t.Context(), f, Ops(p.o)...)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != sys.CodeWritten || !strings.Contains(fault.Cause, "Input/output error") {
		t.Errorf("%v", err)
	}
}

func TestResolve(t *testing.T) {
	root := t.TempDir()
	tree(t, root, map[string]string{
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

// The medium's hashes expose a store that an earlier owner of the disk altered
// together with its database.
func TestForeignStore(t *testing.T) {
	const lib = "/nix/store/a-lib"
	for _, c := range []struct{ name, claims, bad string }{
		{"an altered path", `{"` + toplevel + `":{"narHash":"sha256-t="},"` + lib + `":{"narHash":"sha256-EVIL="}}`, lib + " is not the medium's"},
		{"an altered system", `{"` + toplevel + `":{"narHash":"sha256-EVIL="},"` + lib + `":{"narHash":"sha256-l="}}`, toplevel + " is not the medium's"},
		{"no hash", `{"` + toplevel + `":{"narHash":""},"` + lib + `":{"narHash":"sha256-l="}}`, toplevel + " is not the medium's"},
		{"a reference less", `{"` + toplevel + `":{"narHash":"sha256-t="}}`, lib + " is missing"},
		{"a path more", `{"` + toplevel + `":{"narHash":"sha256-t="},"` + lib + `":{"narHash":"sha256-l="},"/nix/store/b-evil":{"narHash":"x"}}`, "/nix/store/b-evil is not on the medium"},
		{"not there", `{"` + toplevel + `":null}`, "not valid"},
		{"no answer", `x`, "not understood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := sound().claiming(c.claims)
			g.foreign = true
			r := g.prove(t)
			if r.fault == nil || !strings.Contains(r.fault.Cause, c.bad) {
				t.Fatalf("%+v\n%s", r.fault, r.log)
			}
			if c.bad[0] == '/' && (!strings.Contains(r.fault.Hint, "--start-over") || strings.Contains(r.fault.Hint, "--resume")) {
				t.Errorf("the hint is %s", r.fault.Hint)
			}
		})
	}
}

// claiming is a target whose database claims these hashes, for a system on the
// medium.
func (g *target) claiming(claims string) *target {
	g.claims = claims
	g.hashes = map[string]string{toplevel: "sha256-t=", "/nix/store/a-lib": "sha256-l="}
	return g
}

func FuzzFstab(f *testing.F) {
	f.Add("/dev/disk/by-label/A\\040B / ext4 defaults,nofail 0 1\n# x\n", "by")
	f.Add("LABEL= /\n\"\\", "grub")
	f.Fuzz(func(t *testing.T, text, spec string) {
		for _, l := range parseFstab(text) {
			if l.spec == "" || l.at == "" {
				t.Fatalf("%+v", l)
			}
			find(nil, l.spec)
		}
		if e := grubEntry(text); e.Linux == "" && e.Initrds != nil {
			t.Fatalf("%+v", e)
		}
		if err := resolves(nil, fmt.Sprint("LABEL=", spec), "/dev/x"); err == nil {
			t.Fatal("found")
		}
	})
}
