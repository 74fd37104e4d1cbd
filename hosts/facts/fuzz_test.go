package facts

import (
	"encoding/json"
	"testing"
)

// Whatever a medium's contract says, the comparison ends, and what it says fits
// only if root and ESP are those that are made, and the store is on that root.
func FuzzFacts(f *testing.F) {
	for _, facts := range []*Facts{fitting(), plainFitting(), {}, nil} {
		data, err := json.Marshal(facts)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, true)
	}
	for _, fs := range []*Facts{
		fitting().set("/nix", "rpool/nix", "zfs"), fitting().set("/", "UUID=9", "btrfs", "subvol=root").set("/home", "UUID=9", "btrfs"),
		fitting().set("/data", "/dev/a:/dev/b", "bcachefs", `context="a,b"`),
	} {
		fs.Disko, fs.Initrd.Systemd, fs.NeededForBoot = true, new(false), []string{"/home"}
		data, err := json.Marshal(fs)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, true)
	}
	f.Add([]byte(`{"fileSystems":{"/":{"device":"LABEL=\"\\04\"","options":null}},"users":{"ann":{"uid":-1}}}`), false)
	f.Fuzz(func(t *testing.T, data []byte, luks bool) {
		facts, err := Parse(data)
		if err != nil {
			return
		}
		m := plainMade()
		if luks {
			m = made()
		}
		c := Compare(m, facts, there)
		for _, point := range []string{"/", "/boot"} {
			if fs, ok := facts.FileSystems[point]; len(c.Mismatches) == 0 && (!ok || Refer(fs.Device).Kind == NotDevice) {
				t.Errorf("%s is %+v and fits", point, fs)
			}
		}
		if odd := strangers("ext4", facts.FileSystems["/"].Options); len(c.Mismatches) == 0 && len(odd) > 0 {
			t.Errorf("the root has the options %q and fits", odd)
		}
		for _, point := range mounts.Store {
			if fs := facts.FileSystems[point]; len(c.Mismatches) == 0 && fs.FSType == "zfs" && !has(fs.Options, "nofail", "noauto", "x-systemd.automount", "bind", "rbind", "_netdev") {
				t.Errorf("%s is %+v and fits", point, fs)
			}
		}
	})
}
