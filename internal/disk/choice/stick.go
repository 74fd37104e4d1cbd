package choice

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/block"
)

// Stick is a disk that an image could be written to, as a person sees it.
type Stick struct {
	Device  block.Device
	Refused string   // why no image is ever written to it
	Mounted []string // what must be unmounted first, the innermost first
	Holds   []string // what is on it
}

// Sticks judges every whole disk for writing an image to it: those that can be
// written to first. Unlike a disk to install to, a stick may hold an
// installation medium, and may be mounted where people mount sticks.
func Sticks(inv *block.Inventory) []Stick {
	var all []Stick
	for _, d := range inv.Devices {
		if notADisk(d) == "" {
			all = append(all, Stick{Device: d, Refused: refuseStick(d, inv.Boot), Mounted: mounted(d), Holds: holds(d)})
		}
	}
	for i := range all { // the same disk by another path
		for _, twin := range all {
			a, b := all[i].Device, twin.Device
			if all[i].Refused == "" && twin.Refused != "" && block.SameDisk(a, b) {
				all[i].Refused = fmt.Sprintf("it is the same disk as %s by another path: %s", b.Path, twin.Refused)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Stick) int {
		refused := func(s Stick) int { return min(len(s.Refused), 1) }
		return cmp.Or(cmp.Compare(refused(a), refused(b)), cmp.Compare(a.Device.Path, b.Device.Path))
	})
	return all
}

// refuseStick says why an image is never written to a disk, or "".
func refuseStick(d block.Device, boot efi.Boot) string {
	if d.Size <= 0 {
		return "no medium in it (size 0)"
	}
	var why []string
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	points := live(d)
	for _, p := range mounted(d) {
		if ofSystem(p) && !slices.Contains(points, p) {
			points = append(points, p)
		}
	}
	if len(points) > 0 {
		say("the running system stands on it (%s)", strings.Join(points, ", "))
	}
	if from := startedFrom(d, boot); from != "" {
		say("this session was started from it (%s)", from)
	}
	if !isStick(d) {
		say("it is no stick: neither removable nor on USB (%s)", cmp.Or(d.Transport, "unknown bus"))
	}
	for _, b := range d.Below() {
		if b.Swap {
			say("%s is swap in use", b.Path)
		}
	}
	why = append(why, held(d)...)
	if d.FSType == "mpath_member" {
		say("it is one path of a multipath device")
	}
	if d.ReadOnly {
		say("it is read-only: look for a switch on it")
	}
	return strings.Join(why, "; ")
}

// isStick tells what people plug in to carry away. Many sticks do not call
// themselves removable, and no card reader on the mainboard does; there eMMC,
// which is soldered in, must be told from cards.
func isStick(d block.Device) bool {
	return d.Removable || external(Verdict{Device: d})
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

// ofSystem tells whether a running system needs what is mounted there. Sticks
// are mounted below /run/media, /media, /mnt, or a folder of somebody's own.
func ofSystem(point string) bool {
	for _, top := range []string{"/boot", "/efi", "/nix", "/usr", "/var", "/etc", "/root", "/opt", "/lib", "/iso"} {
		if point == top || strings.HasPrefix(point, top+"/") {
			return true
		}
	}
	return slices.Contains([]string{"/", "/home", "/srv", "/tmp", "/persist"}, point) || path.Dir(point) == "/home"
}

// ChooseStick returns the disk that the user named, after block.Resolve. The
// error is a *sys.Fault with sys.CodeDisk. With reading set, nothing will be
// written, so any disk will do.
func ChooseStick(inv *block.Inventory, want string, reading bool) (Stick, error) {
	all := Sticks(inv)
	for _, s := range all {
		if s.Device.Is(want) && s.Refused != "" && (!reading || s.Device.Size <= 0) {
			return Stick{}, fault(otherSticks(all), "%s cannot be written to: %s", DescribeStick(s), s.Refused)
		}
		if s.Device.Is(want) {
			return s, nil
		}
		for _, p := range s.Device.Partitions {
			if p.Is(want) {
				hint := otherSticks(all)
				if s.Refused == "" {
					hint = "name the whole disk: " + byID(s.Device)
				}
				return Stick{}, fault(hint, "%s is partition %d of %s", want, p.Number, DescribeStick(s))
			}
		}
	}
	for _, d := range inv.Devices {
		if is := notADisk(d); is != "" && d.Is(want) {
			return Stick{}, fault(otherSticks(all), "%s cannot be written to: %s", d.Path, is)
		}
	}
	return Stick{}, fault(otherSticks(all), "there is no disk %s", want)
}

// otherSticks is the hint that lists what can be written to.
func otherSticks(all []Stick) string {
	var paths []string
	for _, s := range all {
		if s.Refused == "" {
			paths = append(paths, byID(s.Device))
		}
	}
	if len(paths) == 0 {
		return "plug a USB stick in; no disk that is there now can be written to"
	}
	return "what can be written to: " + strings.Join(paths, ", ")
}

// DescribeStick names a disk so that a person can tell it from another.
func DescribeStick(s Stick) string {
	d := s.Device
	about := []string{d.Model}
	if d.Serial != "" {
		about = append(about, "serial "+d.Serial)
	}
	about = append(about, block.FormatSize(d.Size), strings.ToUpper(d.Transport))
	about = slices.DeleteFunc(about, func(s string) bool { return s == "" })
	return fmt.Sprintf("%s (%s)", d.Path, strings.Join(about, ", "))
}
