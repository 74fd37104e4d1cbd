package choice

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"auto-installer/hosts/facts"
	"auto-installer/internal/disk/block"
)

// Carrier is a partition or volume that carries one of the planned labels.
type Carrier struct {
	facts.Reference
	Where string // in words
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
		for i, has := range []facts.Reference{{Kind: facts.ByLabel, Name: d.Label}, {Kind: facts.ByPartLabel, Name: d.PartLabel}} {
			if has.Name != "" && slices.Contains(labels, has.Name) {
				kind := []string{"filesystem", "partition"}[i]
				found = append(found, Carrier{has, fmt.Sprintf("%s (on %s) has the %s label %s", d.Path, disk.Path, kind, has.Name)})
			}
		}
	}
	return found
}

// Named finds the devices that a configuration means by a name.
func Named(r facts.Reference) func(block.Device) bool {
	if real, err := block.Resolve("/", "/dev/"+r.Name); r.Kind == facts.ByOther && err == nil {
		r.Name = strings.TrimPrefix(real, "/dev/")
	}
	return func(d block.Device) bool {
		switch r.Kind {
		case facts.ByLabel:
			return d.Label != "" && d.Label == r.Name
		case facts.ByPartLabel:
			return d.PartLabel != "" && d.PartLabel == r.Name
		case facts.ByUUID:
			return d.UUID != "" && strings.EqualFold(d.UUID, r.Name)
		case facts.ByPartUUID:
			return d.PartUUID != "" && strings.EqualFold(d.PartUUID, r.Name)
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
}
