package contract

import (
	"strings"

	"auto-installer/hosts/facts"
	"auto-installer/internal/disk/block"
)

// finder says where the machine has a device. Another path to the target disk
// is not another disk.
func finder(inv *block.Inventory, disk block.Identity) func(facts.Reference) facts.Place {
	own, others := map[string]bool{}, inv.Devices
	if target, err := inv.Find(disk); err == nil { // else the gate refuses the disk
		for _, d := range target.Below() {
			own[d.Name] = true
		}
		others = inv.WithoutOtherPaths(target)
	}
	return func(r facts.Reference) facts.Place {
		at := facts.Nowhere
		if real, err := block.Resolve("/", "/dev/"+r.Name); r.Kind == facts.ByOther && err == nil {
			r.Name = strings.TrimPrefix(real, "/dev/")
		}
		for _, disk := range others {
			for _, d := range disk.Below() {
				switch {
				case !carries(d, r):
				case !own[d.Name]:
					return facts.Attached
				default:
					at = facts.OnTarget
				}
			}
		}
		return at
	}
}

// carries tells whether a device has a name.
func carries(d block.Device, r facts.Reference) bool {
	switch r.Kind {
	case facts.ByLabel:
		return d.Label == r.Name
	case facts.ByPartLabel:
		return d.PartLabel == r.Name
	case facts.ByUUID:
		return strings.EqualFold(d.UUID, r.Name)
	case facts.ByPartUUID:
		return strings.EqualFold(d.PartUUID, r.Name)
	case facts.ByMapper:
		return d.Path == "/dev/mapper/"+r.Name
	case facts.ByPool:
		return d.FSType == "zfs_member" && d.Label == r.Name
	case facts.ByOther:
		group, volume, _ := strings.Cut(strings.ReplaceAll(r.Name, "-", "--"), "/") // /dev/GROUP/VOLUME of LVM
		return d.Is("/dev/"+r.Name) || d.ByID == "/dev/"+r.Name || d.Path == "/dev/mapper/"+group+"-"+volume
	}
	return false
}
