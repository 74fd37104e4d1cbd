package choice

import (
	"cmp"
	"fmt"
	"slices"

	"auto-installer/internal/disk/block"
)

// joinPaths sorts verdicts by path and merges the paths to one disk: if one is refused, so
// are the others; otherwise the first path stands for the disk.
func joinPaths(all []Verdict) {
	slices.SortFunc(all, func(a, b Verdict) int { return cmp.Compare(a.Device.Path, b.Device.Path) })
	own := slices.Clone(all)
	for i, v := range own {
		if v.Refused != "" {
			continue
		}
		pathTo := func(o Verdict, refused bool) bool {
			return (o.Refused != "") == refused && block.SameDisk(o.Device, v.Device)
		}
		if t := slices.IndexFunc(own, func(o Verdict) bool { return pathTo(o, true) }); t >= 0 {
			all[i].Refused = otherPath(own[t].Device) + ": " + own[t].Refused
		} else if f := slices.IndexFunc(all[:i], func(o Verdict) bool { return pathTo(o, false) }); f >= 0 {
			first := &all[f]
			all[i].Refused, all[i].PathTo = otherPath(first.Device), first.Device.Path
			first.Reasons = append(first.Reasons, "reached as "+v.Device.Path+" too")
			first.Device.ByID = cmp.Or(first.Device.ByID, v.Device.ByID)
		}
	}
}

func otherPath(to block.Device) string {
	return fmt.Sprintf("it is the same disk as %s by another path", to.Path)
}
