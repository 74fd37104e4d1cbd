package choice

import (
	"fmt"
	"slices"

	"auto-installer/internal/disk/block"
)

// Carrier is a partition or volume that carries a label.
type Carrier struct {
	Disk  string `json:"disk"`  // path of the whole disk
	Path  string `json:"path"`  // path of the partition or volume
	Label string `json:"label"` // one of the planned labels
	Kind  string `json:"kind"`  // "filesystem label" or "partition label"
}

func (c Carrier) String() string {
	return fmt.Sprintf("%s (on %s) has the %s %s", c.Path, c.Disk, c.Kind, c.Label)
}

// CarriesLabel finds the target disk's planned labels on other disks. The
// installed system mounts by label and could mount the wrong one. Another path
// to the target is not another disk.
func CarriesLabel(inv *block.Inventory, except block.Device, labels []string) []Carrier {
	var found []Carrier
	seen := map[string]bool{}
	for _, d := range except.Below() {
		seen[d.Name] = true
	}
	for _, disk := range inv.WithoutOtherPaths(except) {
		for _, d := range disk.Below() {
			if seen[d.Name] {
				continue
			}
			seen[d.Name] = true
			if d.Label != "" && slices.Contains(labels, d.Label) {
				found = append(found, Carrier{disk.Path, d.Path, d.Label, "filesystem label"})
			}
			if d.PartLabel != "" && slices.Contains(labels, d.PartLabel) {
				found = append(found, Carrier{disk.Path, d.Path, d.PartLabel, "partition label"})
			}
		}
	}
	return found
}
