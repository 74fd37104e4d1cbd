package choice

import (
	"fmt"
	"slices"

	"auto-installer/internal/disk/block"
)

// Carrier is a partition or volume that carries one of the planned labels.
type Carrier struct {
	Where     string // in words
	Label     string
	Partition bool // it is a partition's name, not a file system's label
}

// CarriesLabel finds the target disk's planned labels on other disks. The
// installed system mounts by label and could mount the wrong one.
func CarriesLabel(inv *block.Inventory, except block.Device, labels []string) []Carrier {
	var found []Carrier
	for d, disk := range inv.Others(except) {
		for i, label := range []string{d.Label, d.PartLabel} {
			if label != "" && slices.Contains(labels, label) {
				where := fmt.Sprintf("%s (on %s) has the %s %s", d.Path, disk.Path, []string{"filesystem label", "partition label"}[i], label)
				found = append(found, Carrier{where, label, i == 1})
			}
		}
	}
	return found
}
