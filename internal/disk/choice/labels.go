package choice

import (
	"fmt"
	"iter"
	"slices"

	"auto-installer/internal/disk/block"
)

// Carrier is a partition or volume that carries one of the planned labels.
type Carrier struct {
	Where     string // in words
	Label     string
	Partition bool // it is a partition's name, not a file system's label
}

// Others yields every device that is not of a disk, once, and the disk that it is of.
// Another path to the disk is not another disk.
func Others(inv *block.Inventory, than block.Device) iter.Seq2[block.Device, block.Device] {
	return func(yield func(d, disk block.Device) bool) {
		seen := map[string]bool{}
		for _, d := range than.Below() {
			seen[d.Name] = true
		}
		for _, disk := range inv.WithoutOtherPaths(than) {
			for _, d := range disk.Below() {
				if seen[d.Name] {
					continue
				}
				if seen[d.Name] = true; !yield(d, disk) {
					return
				}
			}
		}
	}
}

// CarriesLabel finds the target disk's planned labels on other disks. The
// installed system mounts by label and could mount the wrong one.
func CarriesLabel(inv *block.Inventory, except block.Device, labels []string) []Carrier {
	var found []Carrier
	for d, disk := range Others(inv, except) {
		for i, label := range []string{d.Label, d.PartLabel} {
			if label != "" && slices.Contains(labels, label) {
				kind := []string{"filesystem label", "partition label"}[i]
				where := fmt.Sprintf("%s (on %s) has the %s %s", d.Path, disk.Path, kind, label)
				found = append(found, Carrier{where, label, i == 1})
			}
		}
	}
	return found
}
