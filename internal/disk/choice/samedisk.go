package choice

import (
	"cmp"
	"fmt"
	"slices"

	"auto-installer/internal/disk/block"
)

// joinPaths merges the paths to one disk: if one is refused, so are the others;
// otherwise the first path stands for the disk. The result does not depend on
// the order.
func joinPaths(all []Verdict) {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(all[a].Device.Path, all[b].Device.Path) })
	own := slices.Clone(all)
	var firsts []int
	for _, i := range order {
		if own[i].Refused != "" {
			continue
		}
		d := own[i].Device
		pathTo := func(o int) bool { return block.SameDisk(own[o].Device, d) }
		if t := slices.IndexFunc(order, func(o int) bool { return own[o].Refused != "" && pathTo(o) }); t >= 0 {
			twin := own[order[t]]
			all[i].Refused = otherPath(twin.Device) + ": " + twin.Refused
			continue
		}
		if f := slices.IndexFunc(firsts, pathTo); f >= 0 {
			first := &all[firsts[f]]
			all[i].Refused, all[i].PathTo = otherPath(first.Device), first.Device.Path
			first.Reasons = append(first.Reasons, "reached as "+d.Path+" too")
			first.Device.ByID = cmp.Or(first.Device.ByID, d.ByID)
			continue
		}
		firsts = append(firsts, i)
	}
}

func otherPath(to block.Device) string {
	return fmt.Sprintf("it is the same disk as %s by another path", to.Path)
}
