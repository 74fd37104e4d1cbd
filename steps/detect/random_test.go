package detect_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"auto-installer/steps/detect"
	"auto-installer/steps/internal/block"
	"auto-installer/steps/internal/efi"
	"auto-installer/steps/internal/sys"
)

// machine makes up an inventory, and returns the names of the disks that must
// not be touched, which it knows from how it made them.
func machine(r *rand.Rand) (*block.Inventory, map[string]bool) {
	inv, untouchable := &block.Inventory{UEFI: true}, map[string]bool{}
	signatures := []string{"", "ext4", "vfat", "swap", "crypto_LUKS", "LVM2_member", "linux_raid_member", "ntfs", "zfs_member"}
	for i := range r.IntN(7) {
		name := fmt.Sprintf("sd%c", 'a'+i)
		if r.IntN(3) == 0 {
			name = fmt.Sprintf("nvme%dn1", i)
		}
		var parts []string
		for range r.IntN(5) {
			parts = append(parts, signatures[r.IntN(len(signatures))])
		}
		d := disk(name, 1+r.Int64N(4), parts...)
		d.Removable = r.IntN(6) == 0
		d.Transport = []string{"sata", "nvme", "usb", ""}[r.IntN(4)]
		part := &d // where the trouble is: the disk or one of its partitions
		if len(d.Partitions) > 0 {
			part = &d.Partitions[r.IntN(len(d.Partitions))]
		}
		upon := block.Device{Name: fmt.Sprintf("dm-%d", i), Path: fmt.Sprintf("/dev/mapper/m%d", i), Type: []string{"crypt", "lvm", "raid1", "mpath", "odd"}[r.IntN(5)], Size: 1}
		untouchable[name] = true
		switch r.IntN(14) {
		case 0:
			part.Mountpoints = []string{"/data"}
		case 1:
			part.Swap = true
		case 2:
			part.Live = []string{"/iso"}
		case 3:
			part.Holders = []string{"md0"}
		case 4:
			part.Children = []block.Device{upon}
			inv.Devices = append(inv.Devices, upon)
		case 5:
			upon.Mountpoints = []string{"/deep"}
			part.Children = []block.Device{{Name: "md1", Path: "/dev/md1", Type: "raid5", Children: []block.Device{upon}}}
		case 6:
			part.FSType = "iso9660"
		case 7:
			d.ReadOnly = true
		case 8:
			d.Size = 0
		case 9:
			d.Type = []string{"rom", "loop", "part", "dm", "raid0", "tape", ""}[r.IntN(7)]
		default:
			delete(untouchable, name)
		}
		if len(d.Partitions) > 0 && r.IntN(2) == 0 {
			number := uint16(i)
			inv.Boot.Entries = append(inv.Boot.Entries, efi.Entry{Number: number, Active: r.IntN(3) > 0, PartUUID: d.Partitions[0].PartUUID})
			inv.Boot.Order = append(inv.Boot.Order, number)
			if inv.Boot.Current == nil && r.IntN(8) == 0 {
				inv.Boot.Current = &number
				untouchable[name] = true
			}
		}
		inv.Devices = append(inv.Devices, d)
	}
	r.Shuffle(len(inv.Devices), func(i, j int) { inv.Devices[i], inv.Devices[j] = inv.Devices[j], inv.Devices[i] })
	return inv, untouchable
}

func TestNeverARefusedDisk(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	chosen, asked := 0, 0
	for range 5000 {
		inv, untouchable := machine(r)
		vs := detect.Rank(inv)
		if len(vs) != len(inv.Devices) {
			t.Fatalf("%d verdicts on %d devices", len(vs), len(inv.Devices))
		}
		blank, candidates := false, 0
		for i, v := range vs {
			name := v.Device.Name
			states := 0
			for _, s := range []bool{v.Candidate, v.ByNameOnly, v.Refused != ""} {
				if s {
					states++
				}
			}
			switch {
			case states != 1:
				t.Fatalf("%s is not exactly one of candidate, by name, refused: %+v", name, v)
			case v.Refused == "" && len(v.Reasons) == 0:
				t.Fatalf("%s has no reason", name)
			case untouchable[name] && v.Refused == "":
				t.Fatalf("%s is not refused: %+v", name, v.Device)
			case v.Candidate != (v.Rank > 0) || v.Candidate && v.Rank != i+1:
				t.Fatalf("%s has rank %d in place %d", name, v.Rank, i+1)
			case v.Blank && v.HoldsData:
				t.Fatalf("%s is blank and holds data", name)
			}
			if v.Candidate {
				candidates++
				blank = blank || v.Blank
			}
			taken, err := detect.Choose(vs, v.Device.Path)
			if (err == nil) != (v.Refused == "") || err == nil && taken.Device.Name != name {
				t.Fatalf("named %s, chose %s: %v", name, taken.Device.Name, err)
			}
			for _, p := range v.Device.Partitions {
				if _, err := detect.Choose(vs, p.Path); err == nil {
					t.Fatalf("partition %s was taken", p.Path)
				}
			}
		}
		v, err := detect.Choose(vs, "")
		if err != nil {
			asked++
			if f, ok := errors.AsType[*sys.Fault](err); !ok || f.Code != sys.CodeDisk || f.Hint == "" || candidates == 1 && !strings.Contains(f.Cause, "the only disk is") {
				t.Fatalf("%d candidates: %#v", candidates, err)
			}
			continue
		}
		chosen++
		if !v.Candidate || v.Rank != 1 || untouchable[v.Device.Name] || v.Device.Removable {
			t.Fatalf("chose %+v", v)
		}
		if candidates > 1 && v.HoldsData && blank {
			t.Fatalf("chose %s with data while another is blank", v.Device.Name)
		}
	}
	t.Logf("%d chosen, %d asked", chosen, asked)
}
