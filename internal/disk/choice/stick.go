package choice

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"auto-installer/internal/disk/block"
)

// Stick is a disk that an image could be written to.
type Stick struct {
	Verdict
	Path    string
	ByID    string   // a path that stays the same when it is plugged in again
	Name    string   // path, model, serial number, size and bus
	Mounted []string // what must be unmounted first, the innermost first
}

// Sticks judges every whole disk for writing an image to it, the usable ones
// first.
func Sticks(inv *block.Inventory) []Stick {
	var all []Stick
	for _, v := range verdicts(inv, toFlash) {
		if notADisk(v.Device) == "" {
			all = append(all, stickOf(v))
		}
	}
	slices.SortStableFunc(all, func(a, b Stick) int {
		refused := func(s Stick) int { return min(len(s.Refused), 1) }
		return cmp.Or(cmp.Compare(refused(a), refused(b)), cmp.Compare(a.Path, b.Path))
	})
	return all
}

func stickOf(v Verdict) Stick {
	d := v.Device
	return Stick{v, d.Path, byID(d), describe(d, strings.ToUpper(d.Transport)), mounted(d)}
}

// mounted lists the mount points of a disk and its partitions, the innermost
// first.
func mounted(d block.Device) []string {
	var points []string
	for _, b := range slices.Concat([]block.Device{d}, d.Partitions) {
		points = append(points, b.Mountpoints...)
	}
	slices.Sort(points)
	points = slices.Compact(points)
	slices.Reverse(points)
	return points
}

// ofSystem reports whether a running system needs the file system at a mount
// point. Sticks are mounted below /run/media, /media, /mnt, or a user's folder.
func ofSystem(point string) bool {
	for _, top := range []string{"/boot", "/efi", "/nix", "/usr", "/var", "/etc", "/root", "/opt", "/lib", "/iso"} {
		if point == top || strings.HasPrefix(point, top+"/") {
			return true
		}
	}
	return slices.Contains([]string{"/", "/home", "/srv", "/tmp", "/persist"}, point) || path.Dir(point) == "/home"
}

// ChooseStick returns the disk that the user named, after block.Resolve. The
// error is a *sys.Fault with sys.CodeDisk. With reading set nothing will be
// written, so any disk with a medium is good.
func ChooseStick(inv *block.Inventory, want string, reading bool) (Stick, error) {
	all := verdicts(inv, toFlash)
	others := "plug in a USB stick; no attached disk can be written to"
	if paths := usable(all); len(paths) > 0 {
		others = "name one of " + strings.Join(paths, ", ")
	}
	v, partition, found := lookup(all, want)
	s := stickOf(v)
	switch {
	case !found:
		return Stick{}, fault(others, "there is no disk %s", want)
	case partition > 0 && s.Refused == "":
		return Stick{}, fault("name the whole disk: "+s.ByID, "%s is partition %d of %s", want, partition, s.Name)
	case partition > 0:
		return Stick{}, fault(others, "%s is partition %d of %s", want, partition, s.Name)
	case s.Refused != "" && (!reading || s.Device.Size <= 0 || notADisk(s.Device) != ""):
		return Stick{}, fault(others, "%s cannot be written to: %s", s.Name, s.Refused)
	}
	return s, nil
}
