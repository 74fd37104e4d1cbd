package bootproof

import (
	"debug/pe"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/hosts/facts"
	"auto-installer/internal/boot/efi"
	"auto-installer/internal/boot/efi/efitest"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/block/blocktest"
	"auto-installer/internal/disk/fat/fattest"
	"auto-installer/internal/nix/nixstore"
	"auto-installer/internal/sys"
)

const (
	secret   = "correct horse battery staple"
	toplevel = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos"
	espGUID  = "11111111-2222-4333-8444-555555555555"
)

// machineType is this machine's, other is a different one.
var machineType, other = func() (uint16, uint16) {
	if runtime.GOARCH == "arm64" {
		return pe.IMAGE_FILE_MACHINE_ARM64, pe.IMAGE_FILE_MACHINE_AMD64
	}
	return pe.IMAGE_FILE_MACHINE_AMD64, pe.IMAGE_FILE_MACHINE_ARM64
}()

var (
	removable = efi.Removable(runtime.GOARCH)
	sdBoot    = string(efitest.Program(machineType, efitest.Magic("systemd-boot 257.9")))
	kernel    = string(efitest.Program(machineType, efitest.Section{Name: ".text", Data: []byte("the kernel")}))
	initrd    = strings.Repeat("initrd", 5000)
)

// target is the result of an install, for a test to change. An empty text
// removes a file.
type target struct {
	esp     map[string]string
	root    map[string]string // "-> x" is a symbolic link
	vars    map[string][]byte // EFI variables: name and vendor
	devices string            // more of lsblk
	options func(*Options)
	facts   facts.Facts
	hashes  map[string]string
	blkid   map[string]string // instead of what is expected of a device
	foreign bool              // its claims are not believed
	claims  string            // of the target's database; empty: it is not asked
	nix     func(*sys.Call)
	luks    func(*sys.Call)
}

func entryText(kernel string) string {
	return "title NixOS\nsort-key nixos\nversion Generation 1\nlinux " + kernel + "\ninitrd /EFI/nixos/initrd.efi\noptions init=" + toplevel + "/init quiet root=fstab\nmachine-id 0\n"
}

func sound() *target {
	return &target{
		facts: initrdOpens("c", "/dev/disk/by-partlabel/T-LUKS"),
		esp: map[string]string{
			removable:                                 sdBoot,
			"EFI/systemd/systemd-boot.efi":            sdBoot,
			"loader/loader.conf":                      "timeout 5\ndefault nixos-generation-10.conf\nconsole-mode keep\n",
			"loader/entries/nixos-generation-9.conf":  strings.Replace(entryText("/EFI/nixos/old.efi"), "Generation 1", "Generation 9", 1),
			"loader/entries/nixos-generation-10.conf": strings.Replace(entryText("/EFI/nixos/kernel.efi"), "Generation 1", "Generation 10", 1),
			"EFI/nixos/old.efi":                       kernel + "older",
			"EFI/nixos/kernel.efi":                    kernel,
			"EFI/nixos/initrd.efi":                    initrd,
		},
		root: map[string]string{
			toplevel + "/init":                   "-> /nix/store/sh/init.sh",
			toplevel + "/kernel":                 "-> /nix/store/k/bzImage",
			toplevel + "/initrd":                 "-> /nix/store/i/initrd",
			toplevel + "/etc":                    "-> /nix/store/e/etc",
			"nix/store/sh/init.sh":               "#!/bin/sh",
			"nix/store/k/bzImage":                kernel,
			"nix/store/i/initrd":                 initrd,
			"nix/store/e/etc/fstab":              "# NixOS\n/dev/disk/by-label/T-ROOT / ext4 x-initrd.mount 0 1\n/dev/disk/by-label/T-EFI /boot vfat fmask=0077 0 2\ntmpfs /tmp tmpfs size=50% 0 0\n",
			"nix/var/nix/profiles/system":        "-> system-1-link",
			"nix/var/nix/profiles/system-1-link": "-> " + toplevel,
		},
		vars: map[string][]byte{
			"BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c":   {2, 0, 1, 0},
			"Boot0002-8be4df61-93ca-11d2-aa0d-00e098032b8c":    loadOption("Linux Boot Manager", espGUID, `\EFI\systemd\systemd-boot.efi`),
			"Boot0001-8be4df61-93ca-11d2-aa0d-00e098032b8c":    loadOption("Stick", "99999999-2222-4333-8444-555555555555", `\EFI\BOOT\BOOTX64.EFI`),
			"BootCurrent-8be4df61-93ca-11d2-aa0d-00e098032b8c": {1, 0},
			"SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c":  {0},
		},
	}
}

func loadOption(name, guid, file string) []byte { return blocktest.LoadOption(true, guid, file, name) }

func tree(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(to, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// result is what a proof said.
type result struct {
	fault *sys.Fault
	log   string
	fake  *sys.Fake
}

// prove makes every check but that of the mount, on a real FAT image.
func (g *target) prove(t *testing.T) result {
	t.Helper()
	files := map[string][]byte{}
	for name, text := range g.esp {
		files[name] = []byte(text)
	}
	esp := fattest.Image(t, fattest.MiB, "512", "T-EFI", files)
	root := t.TempDir()
	tree(t, root, g.root)
	live := t.TempDir()
	for name, data := range g.vars {
		tree(t, live, map[string]string{"sys/firmware/efi/efivars/" + name: "\x07\x00\x00\x00" + string(data)})
	}
	o := Options{
		Root: root, Toplevel: toplevel, ESP: esp, ESPLabel: "T-EFI", ESPGUID: espGUID, Firmware: live,
		RootFS: "/dev/mapper/c", RootLabel: "T-ROOT", LUKS: "/dev/x2", LUKSLabel: "T-LUKS", Mapper: "c", Passphrase: []byte(secret),
		Facts: &g.facts, Hashes: &g.hashes,
	}
	o.Host.LUKS = hosts.LUKS{Enable: true, MapperName: "c"}
	o.Host.Labels.LUKS = "T-LUKS"
	if g.options != nil {
		g.options(&o)
	}
	f := sys.NewFake(t)
	blkid := func(device, fs, label string) {
		out := "TYPE=" + fs + "\nLABEL=" + label + "\n"
		if other, ok := g.blkid[fs]; ok {
			out = other
		}
		f.Expect("blkid", "--probe", "--output", "export", device).Prints(out)
	}
	lsblk := func() {
		f.Expect(block.Lsblk.Argv...).Prints(fmt.Sprintf(`{"blockdevices":[{"name":"x","kname":"x","path":"/dev/x","maj:min":"250:0","type":"disk","size":1,"children":[
			{"name":"x1","kname":"x1","path":%q,"maj:min":"250:1","type":"part","size":1,"fstype":"vfat","label":"T-EFI","uuid":"AB-CD","partlabel":"T-EFI","partuuid":%q},
			{"name":"x2","kname":"x2","path":"/dev/x2","maj:min":"250:2","type":"part","size":1,"fstype":"crypto_LUKS","label":"T-LUKS","partlabel":"T-LUKS","children":[
				{"name":"c","kname":"dm-0","path":"/dev/mapper/c","maj:min":"251:0","type":"crypt","size":1,"fstype":"ext4","label":"T-ROOT","uuid":"1234-root"}]}]}%s]}`,
			esp, espGUID, g.devices))
	}
	blkid(esp, "vfat", "T-EFI")
	blkid(o.RootFS, "ext4", "T-ROOT")
	lsblk()
	blkid(o.LUKS, "crypto_LUKS", "T-LUKS")
	try := func() {
		call := f.Expect("cryptsetup", "open", "--type", "luks2", "--test-passphrase", "--key-file", "-", "/dev/x2")
		if g.luks != nil {
			g.luks(call)
		}
	}
	try()
	if o.RecoveryKey != nil {
		try()
	}
	if g.claims != "" {
		f.Expect(nixstore.Query(root, toplevel)...).Prints(g.claims)
	}
	if !o.SkipContents && !g.foreign {
		call := f.Expect("nix", "--extra-experimental-features", "nix-command", "store", "verify", "--store", root,
			"--no-trust", "--recursive", "--log-format", "internal-json", "-v", toplevel)
		call.Says(`@nix {"action":"start","id":1,"level":0,"type":107}`, `@nix {"action":"result","fields":[3,3,0,0],"id":1,"type":105}`)
		if g.nix != nil {
			g.nix(call)
		}
	}
	p := &proof{o: o}
	defer p.close()
	checks := p.checks()
	p.open()
	if checks[0].name != "the mount of the ESP" {
		t.Fatal(checks[0].name)
	}
	err := prove(t.Context(), f, checks[1:])
	r := result{log: strings.Join(f.Logged, "\n"), fake: f}
	if err != nil {
		var ok bool
		if r.fault, ok = errors.AsType[*sys.Fault](err); !ok || r.fault.Code != sys.CodeBootProof || r.fault.Hint == "" {
			t.Errorf("%#v", err)
		}
	}
	if strings.Contains(fmt.Sprintf("%#v %s", err, r.log), "horse") {
		t.Error("the passphrase is in the output")
	}
	return r
}

// with is the ESP with these files changed; "" removes one.
func (g *target) with(changes map[string]string) *target {
	for name, text := range changes {
		if text == "" {
			delete(g.esp, name)
			continue
		}
		g.esp[name] = text
	}
	return g
}

// rooted is the same for the root.
func (g *target) rooted(changes map[string]string) *target {
	maps.Copy(g.root, changes)
	maps.DeleteFunc(g.root, func(_, text string) bool { return text == "" })
	return g
}
