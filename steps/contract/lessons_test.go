package contract

import (
	"errors"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
)

// TestLesson16MapperNamesAgree (see docs/reliability.md): the mapper that the
// install opens must be the one that the host's own configuration opens at its
// start, or nothing is written.
func TestLesson16MapperNamesAgree(t *testing.T) {
	facts := fitting()
	device, ok := facts.LUKSDevices[made().Mapper]
	if !ok {
		t.Fatalf("%+v proves nothing", facts.LUKSDevices)
	}
	if _, err := run(t, options(t, facts)); err != nil {
		t.Fatal(err)
	}
	delete(facts.LUKSDevices, made().Mapper)
	facts.LUKSDevices["stygiancrypt"] = device
	facts.set("/", "/dev/mapper/stygiancrypt", "ext4") // by its label it would be found
	_, err := run(t, options(t, facts))
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok || f.Code != sys.CodeContract || f.Hint == "" || !strings.Contains(f.Cause, `as "stygiancrypt"`) || !strings.Contains(f.Cause, made().Mapper) {
		t.Errorf("%+v", err)
	}
}

// The host of a public repo opens its container under a name of its own, and
// finds its root by label: it fits what its host.toml makes.
func TestHostOfItsOwnRepo(t *testing.T) {
	h, err := hosts.Load("stygianlibrary")
	if err != nil {
		t.Fatal(err)
	}
	facts := &Facts{ // joshsymonds/nix-config: hosts/stygianlibrary
		FileSystems: map[string]FileSystem{
			"/":        {"/dev/disk/by-label/STYGIAN-ROOT", "ext4", []string{"x-initrd.mount", "noatime", "nodiratime"}},
			"/boot":    {"/dev/disk/by-label/STYGIAN-EFI", "vfat", []string{"defaults"}},
			"/scratch": {"tmpfs", "tmpfs", []string{"size=64G", "mode=1777"}},
		},
		SwapDevices: []SwapDevice{{Device: "/swapfile"}},
		LUKSDevices: map[string]LUKSDevice{"stygianlibrary": {Device: "/dev/disk/by-partlabel/STYGIAN-LUKS"}},
		Keymap:      h.Keymap,
		Loader:      Loader{SystemdBoot: true, EFISysMountPoint: "/boot", CanTouchEFIVariables: true},
	}
	m := Made{ESP: h.Labels.EFI, Root: h.Labels.Root, LUKS: h.Labels.LUKS, Mapper: h.LUKS.MapperName, Keymap: h.Keymap}
	for _, name := range []string{h.LUKS.MapperName, "stygiancrypt"} {
		m.Mapper = name
		if c := compare(m, facts, there); len(c.bad) > 0 || (len(c.notes) > 0) != (name == "stygiancrypt") {
			t.Errorf("%s: %q, %q", name, c.bad, c.notes)
		}
	}
}
