package choice

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/block"
)

// virtual are devices that lsblk calls disks, and that are none.
var virtual = []struct {
	name *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`^zram\d`), "compressed memory (zram), not a disk"},
	{regexp.MustCompile(`^ram\d`), "memory (RAM disk), not a disk"},
	{regexp.MustCompile(`^nbd\d`), "a network block device, not a disk of this machine"},
	{regexp.MustCompile(`^(rbd|drbd)\d`), "a network block device, not a disk of this machine"},
	{regexp.MustCompile(`^zd\d`), "a volume of a ZFS pool, not a disk"},
	{regexp.MustCompile(`^fd\d`), "a floppy disk drive"},
	{regexp.MustCompile(`^mmcblk\d+(boot\d+|gp\d+|rpmb)$`), "a hidden area of a memory card, not a disk"},
	{regexp.MustCompile(`^mtdblock\d`), "the firmware's own flash memory, not a disk"},
	{regexp.MustCompile(`^md\d`), "an md array, not a whole disk"},
	{regexp.MustCompile(`^dm-\d`), "a device-mapper device, not a whole disk"},
	{regexp.MustCompile(`^loop\d`), "a loop device, not a disk"},
}

// refuse says why a device can never be taken, or "". All that speaks against
// a disk is said, the weightiest first.
func refuse(d block.Device, boot efi.Boot) string {
	if is := notADisk(d); is != "" {
		return is
	}
	if d.Size <= 0 {
		return "no medium in it (size 0)"
	}
	var why []string
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	if points := live(d); len(points) > 0 {
		say("the running system stands on it (%s)", strings.Join(points, ", "))
	}
	if from := startedFrom(d, boot); from != "" {
		say("this session was started from it (%s)", from)
	}
	below := d.Below()
	for _, b := range below {
		if (b.Name == d.Name || b.Type == block.TypePart) && b.FSType == "iso9660" {
			say("it is an installation medium (%s)", words("iso9660", b.Label))
			break
		}
	}
	for _, b := range below {
		if len(b.Mountpoints) > 0 {
			say("%s is mounted at %s", b.Path, strings.Join(b.Mountpoints, ", "))
		}
	}
	for _, b := range below {
		if b.Swap {
			say("%s is swap in use", b.Path)
		}
	}
	why = append(why, held(d)...)
	if d.FSType == "mpath_member" && len(d.Children) == 0 {
		say("it is one path of a multipath device")
	}
	if d.ReadOnly {
		say("it is read-only")
	}
	return strings.Join(why, "; ")
}

// notADisk says what a device is, if that is not a whole disk.
func notADisk(d block.Device) string {
	switch {
	case d.Type == block.TypePart:
		return "a partition, not a whole disk"
	case d.Type == "loop":
		return words("a loop device, not a disk", inBrackets(d.BackingFile))
	case d.Type == "rom":
		return "an optical drive, not a disk"
	case d.Type == "crypt":
		return "an open LUKS volume, not a whole disk"
	case d.Type == "lvm":
		return "an LVM volume, not a whole disk"
	case d.Type == "mpath":
		return "a multipath device, which is not supported"
	case strings.HasPrefix(d.Type, "raid") || d.Type == "md" || d.Type == "linear":
		return "an md array, not a whole disk"
	case d.Type != block.TypeDisk && d.Type != block.TypeFile:
		return fmt.Sprintf("a device of type %q, not a disk", d.Type)
	}
	for _, v := range virtual {
		if v.name.MatchString(d.Name) {
			return v.is
		}
	}
	if len(d.Slaves) > 0 {
		return fmt.Sprintf("built upon %s, not a disk of its own", strings.Join(d.Slaves, ", "))
	}
	if d.Virtual {
		return "made by software, not a disk"
	}
	return ""
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// live are the mount points of the running system that stand on a disk or on
// anything upon it.
func live(d block.Device) []string {
	var points []string
	for _, b := range d.Below() {
		points = append(points, b.Live...)
	}
	slices.Sort(points)
	return slices.Compact(points)
}

// startedFrom names what says that this session was started from a disk.
func startedFrom(d block.Device, boot efi.Boot) string {
	if boot.Current != nil {
		if e, ok := boot.Entry(*boot.Current); ok && hasPartition(d, e.PartUUID) {
			return fmt.Sprintf("%s %q", e.Name(), e.Description)
		}
	}
	if hasPartition(d, boot.LoaderPartUUID) {
		return "its boot loader"
	}
	return ""
}

// held says what holds a disk or its partitions open.
func held(d block.Device) []string {
	var why []string
	for _, b := range slices.Concat([]block.Device{d}, d.Partitions) {
		known := map[string]bool{}
		for _, c := range b.Children {
			known[c.Name] = true
			why = append(why, fmt.Sprintf("%s is in use by %s", b.Path, holder(c)))
		}
		for _, h := range b.Holders {
			if !known[h] {
				why = append(why, fmt.Sprintf("%s is in use by %s", b.Path, h))
			}
		}
	}
	return why
}

// holder names what is built upon a device.
func holder(c block.Device) string {
	kind := c.Type
	switch {
	case c.Type == "crypt":
		kind = "the open LUKS volume"
	case c.Type == "lvm":
		kind = "the LVM volume"
	case c.Type == "mpath":
		kind = "the multipath device"
	case strings.HasPrefix(c.Type, "raid") || c.Type == "md" || c.Type == "linear":
		kind = "the md array"
	}
	return words(kind, c.Path)
}

// joinPaths makes one of the disks that are reached by several paths: if one
// path is refused, so are the others; else the first path stands for the disk.
// What is said does not depend on the order.
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
			all[i] = otherPath(own[i], twin.Device.Path, ": "+twin.Refused)
			continue
		}
		if f := slices.IndexFunc(firsts, pathTo); f >= 0 {
			first := &all[firsts[f]]
			all[i] = otherPath(own[i], first.Device.Path, "")
			all[i].PathTo = first.Device.Path
			first.Reasons = append(first.Reasons, "reached as "+d.Path+" too")
			first.Device.ByID = cmp.Or(first.Device.ByID, d.ByID)
			continue
		}
		firsts = append(firsts, i)
	}
}

// otherPath is the verdict on another path to a disk.
func otherPath(v Verdict, to, why string) Verdict {
	return Verdict{
		Device: v.Device, HoldsData: v.HoldsData, Holds: v.Holds, Blank: v.Blank,
		Refused: fmt.Sprintf("it is the same disk as %s by another path%s", to, why),
	}
}
