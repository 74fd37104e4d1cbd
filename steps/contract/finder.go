package contract

import (
	"slices"

	"auto-installer/hosts/facts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/choice"
)

// finder says where the machine has a device. Another path to the target disk
// is not another disk.
func finder(inv *block.Inventory, disk block.Identity) func(facts.Reference) facts.Place {
	target, _ := inv.Find(disk) // the gate refuses a disk that is not there
	return func(r facts.Reference) facts.Place {
		has := choice.Named(r)
		for d := range choice.Others(inv, target) {
			if has(d) {
				return facts.Attached
			}
		}
		if slices.ContainsFunc(target.Below(), has) {
			return facts.OnTarget
		}
		return facts.Nowhere
	}
}
