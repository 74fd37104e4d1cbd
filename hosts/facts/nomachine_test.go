package facts

import (
	"strings"
	"testing"

	"auto-installer/hosts"
)

// The build of a medium cannot look for other disks: what must be on one
// is a note.
func TestNoMachine(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*hosts.Host, *Facts)
		notes  []string
		bad    string
	}{
		"fits": {change: func(*hosts.Host, *Facts) {}},
		"file": {change: func(_ *hosts.Host, f *Facts) { f.SwapDevices = append(f.SwapDevices, SwapDevice{Device: "/var/swap"}) }},
		"on server": {change: func(_ *hosts.Host, f *Facts) {
			f.set("/srv", "server:/srv", "nfs").set("/media", "//server/media", "cifs")
		}},
		"other disks": {
			change: func(_ *hosts.Host, f *Facts) {
				f.set("/data", "/dev/disk/by-uuid/7", "xfs").set("/tank", "tank", "zfs").set("/opt/x", "/dev/mapper/x", "ext4")
			},
			notes: []string{`"/data".device is "/dev/disk/by-uuid/7"`, `"/opt/x".device is "/dev/mapper/x"`, `"/tank".device is "tank"`},
		},
		"another container": {
			change: func(_ *hosts.Host, f *Facts) { f.LUKSDevices["data"] = LUKSDevice{Device: "/dev/sdb1"} },
			notes:  []string{`boot.initrd.luks.devices."data".device is "/dev/sdb1", which the installer does not make: attach the disk`},
		},
		"a container, none made": {
			change: func(m *hosts.Host, f *Facts) {
				*m, *f = plainMade(), *plainFitting()
				f.LUKSDevices = map[string]LUKSDevice{"data": {Device: "/dev/sdb1"}}
			},
			notes: []string{`boot.initrd.luks.devices."data".device is "/dev/sdb1"`},
		},
		"other swap": {
			change: func(_ *hosts.Host, f *Facts) { f.SwapDevices = append(f.SwapDevices, SwapDevice{Device: "/dev/sda3"}) },
			notes:  []string{`swapDevices.*.device is "/dev/sda3"`},
		},
		"swap, none made": {
			change: func(m *hosts.Host, _ *Facts) { m.Swap.Enable = false },
			notes:  []string{`swapDevices.*.device is "/dev/disk/by-partlabel/T-SWAP"`},
		},
		"resume":                    {change: func(_ *hosts.Host, f *Facts) { f.ResumeDevice = "/dev/sda3" }, notes: []string{"a start may wait for it"}},
		"no swap of ours":           {change: func(_ *hosts.Host, f *Facts) { f.SwapDevices[0].Device = "/dev/sda3" }, notes: []string{"/dev/sda3"}, bad: "swapDevices do not use"},
		"the store, may be missing": {change: func(_ *hosts.Host, f *Facts) { f.set("/nix", "LABEL=NIX", "ext4", "nofail") }, bad: "puts the store on the root"},
		"home on btrfs":             {change: func(_ *hosts.Host, f *Facts) { f.set("/home", "LABEL=T-ROOT", "btrfs") }, bad: "one ext4 file system"},
	} {
		t.Run(name, func(t *testing.T) {
			m, f := made(), fitting()
			c.change(&m, f)
			got := Compare(m, f, NoMachine)
			if len(got.Notes) != len(c.notes) {
				t.Fatalf("%q", got.Notes)
			}
			for i, words := range c.notes {
				if !strings.Contains(got.Notes[i], words) {
					t.Errorf("no %q in %q", words, got.Notes[i])
				}
			}
			if bad := strings.Join(problems(got), "; "); !strings.Contains(bad, c.bad) || c.bad == "" && bad != "" {
				t.Errorf("%q", bad)
			}
		})
	}
}

// The host of a public repo opens its container under a name of its own, and
// finds its root by label: it fits what its host.toml makes.
func TestHostOfItsOwnRepo(t *testing.T) {
	h, err := hosts.Load("stygianlibrary")
	if err != nil {
		t.Fatal(err)
	}
	host := &Facts{ // joshsymonds/nix-config: hosts/stygianlibrary
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
	m := h
	for _, name := range []string{h.LUKS.MapperName, "stygiancrypt"} {
		m.LUKS.MapperName = name
		if c := Compare(m, host, there); len(c.Mismatches) > 0 || (len(c.Notes) > 0) != (name == "stygiancrypt") {
			t.Errorf("%s: %q, %q", name, problems(c), c.Notes)
		}
	}
}
