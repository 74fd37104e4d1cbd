package facts

import (
	"slices"
	"strings"
	"testing"

	"auto-installer/hosts"
)

// made has everything that can be made at once.
func made() hosts.Host {
	h := hosts.Default()
	h.Labels = hosts.Labels{EFI: "T-EFI", Root: "T-ROOT", LUKS: "T-LUKS", Swap: "T-SWAP"}
	h.LUKS, h.Swap.Enable, h.Keymap, h.TargetUser = hosts.LUKS{Enable: true, MapperName: "crypt"}, true, "de", "ann"
	return h
}

func plainMade() hosts.Host {
	h := made()
	h.LUKS.Enable, h.Labels.LUKS = false, ""
	return h
}

func problems(c *Comparison) (all []string) {
	for _, m := range c.Mismatches {
		all = append(all, m.Problem)
	}
	return all
}

func fixes(c *Comparison) (all []string) {
	for _, m := range c.Mismatches {
		if !slices.Contains(all, m.Fix) {
			all = append(all, m.Fix)
		}
	}
	return all
}

func uid(n int) *int { return &n }

// fitting is a configuration that fits made.
func fitting() *Facts {
	return &Facts{
		FileSystems: map[string]FileSystem{
			"/":     {Device: "/dev/disk/by-label/T-ROOT", FSType: "ext4"},
			"/boot": {Device: "/dev/disk/by-label/T-EFI", FSType: "vfat"},
		},
		SwapDevices: []SwapDevice{{Device: "/dev/disk/by-partlabel/T-SWAP", RandomEncryption: true}},
		LUKSDevices: map[string]LUKSDevice{"crypt": {Device: "/dev/disk/by-partlabel/T-LUKS"}},
		Keymap:      "de",
		Loader:      Loader{SystemdBoot: true, EFISysMountPoint: "/boot"},
		Users:       map[string]User{"ann": {UID: uid(1000), Home: "/home/ann"}},
	}
}

func plainFitting() *Facts {
	f := fitting()
	f.LUKSDevices = nil
	f.SwapDevices = []SwapDevice{{Device: "/dev/disk/by-label/T-SWAP"}}
	return f
}

func (f *Facts) set(point, device, fsType string, options ...string) *Facts {
	f.FileSystems[point] = FileSystem{device, fsType, options}
	return f
}

// there are the devices of other disks, and of the one to be erased.
func there(r Reference) Place {
	switch r.Name {
	case "DATA", "0000-DATA":
		return Attached
	case "OLD":
		return OnTarget
	}
	return Nowhere
}

// upper takes UUIDs in either case, as udev's and a person's.
func upper(r Reference) Place {
	r.Name = strings.ToUpper(r.Name)
	return there(r)
}

func with(m hosts.Host, change func(*hosts.Host)) hosts.Host {
	change(&m)
	return m
}

// mismatch is a host that does not fit, and the words of the only mismatch that
// Compare reports.
type mismatch struct {
	made   func(*hosts.Host)
	facts  func(*Facts)
	plain  bool
	host   string // the host's side
	makes  string // host.toml's side
	fix    string
	others []string // further words
}

func testMismatches(t *testing.T, all map[string]mismatch) {
	t.Helper()
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			m, f := made(), fitting()
			if c.plain {
				m, f = plainMade(), plainFitting()
			}
			if c.made != nil {
				c.made(&m)
			}
			if c.facts != nil {
				c.facts(f)
			}
			got := Compare(m, f, there)
			if len(problems(got)) != 1 || len(fixes(got)) != 1 {
				t.Fatalf("%q, %q", problems(got), fixes(got))
			}
			for _, words := range append([]string{c.host, c.makes}, c.others...) {
				if !strings.Contains(problems(got)[0], words) {
					t.Errorf("no %q in %q", words, problems(got)[0])
				}
			}
			if !strings.Contains(fixes(got)[0], c.fix) {
				t.Errorf("no %q in %q", c.fix, fixes(got)[0])
			}
		})
	}
}
