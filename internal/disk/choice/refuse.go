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

type purpose int

const (
	toInstall purpose = iota // the target of an install
	toFlash                  // a stick for an image
)

// refuse says why a device can never be the target disk, or a stick, or is
// empty. It gives every reason, the weightiest first.
//
// Unlike the target disk, a stick may hold an installation medium, and may be
// mounted where people mount sticks.
func refuse(d block.Device, boot efi.Boot, use purpose) string {
	if is := notADisk(d); is != "" {
		return is
	}
	if d.Size <= 0 {
		return "no medium in it (size 0)"
	}
	var why []string
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	points := live(d)
	if use == toFlash {
		for _, p := range mounted(d) {
			if ofSystem(p) && !slices.Contains(points, p) {
				points = append(points, p)
			}
		}
	}
	if len(points) > 0 {
		say("the running system stands on it (%s)", strings.Join(points, ", "))
	}
	if from := startedFrom(d, boot); from != "" {
		say("this session was started from it (%s)", from)
	}
	below := d.Below()
	switch use {
	case toFlash:
		if !d.Removable && !external(d) {
			say("it is not a stick: neither removable nor on USB (%s)", cmp.Or(d.Transport, "unknown bus"))
		}
	case toInstall:
		i := slices.IndexFunc(below, func(b block.Device) bool {
			return (b.Name == d.Name || b.Type == block.TypePart) && b.FSType == "iso9660"
		})
		if i >= 0 {
			say("it is an installation medium (%s)", words("iso9660", below[i].Label))
		}
		for _, b := range below {
			if len(b.Mountpoints) > 0 {
				say("%s is mounted at %s", b.Path, strings.Join(b.Mountpoints, ", "))
			}
		}
	}
	for _, b := range below {
		if b.Swap {
			say("%s is swap in use", b.Path)
		}
	}
	why = append(why, held(d)...)
	if d.FSType == "mpath_member" && (use == toFlash || len(d.Children) == 0) {
		say("it is one path of a multipath device")
	}
	if d.ReadOnly {
		say("%s", map[purpose]string{toInstall: "it is read-only", toFlash: "it is read-only: look for a switch on it"}[use])
	}
	return strings.Join(why, "; ")
}

// external reports whether a disk is one that people plug and unplug. Many such
// disks are not marked removable, such as cards in a slot of the mainboard.
func external(d block.Device) bool {
	return slices.Contains([]string{"usb", "ieee1394", block.TransportCard}, d.Transport)
}

// virtual are devices that lsblk calls disks and that are not.
var virtual = []struct {
	name *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`^zram\d`), "compressed memory (zram), not a disk"},
	{regexp.MustCompile(`^ram\d`), "memory (RAM disk), not a disk"},
	{regexp.MustCompile(`^(nbd|rbd|drbd)\d`), "a network block device, not a disk of this machine"},
	{regexp.MustCompile(`^zd\d`), "a volume of a ZFS pool, not a disk"},
	{regexp.MustCompile(`^fd\d`), "a floppy disk drive"},
	{regexp.MustCompile(`^mmcblk\d+(boot\d+|gp\d+|rpmb)$`), "a hidden area of a memory card, not a disk"},
	{regexp.MustCompile(`^mtdblock\d`), "the firmware's own flash memory, not a disk"},
	{regexp.MustCompile(`^md\d`), "an md array, not a whole disk"},
	{regexp.MustCompile(`^dm-\d`), "a device-mapper device, not a whole disk"},
	{regexp.MustCompile(`^loop\d`), "a loop device, not a disk"},
}

// kindOf names a device that is built upon others by its type, or is empty.
func kindOf(d block.Device) string {
	switch {
	case d.Type == "crypt":
		return "open LUKS volume"
	case d.Type == "lvm":
		return "LVM volume"
	case d.Type == "mpath":
		return "multipath device"
	case strings.HasPrefix(d.Type, "raid") || d.Type == "md" || d.Type == "linear":
		return "md array"
	}
	return ""
}

// notADisk says what a device is if it is not a whole disk, or is empty.
func notADisk(d block.Device) string {
	switch kind := kindOf(d); {
	case d.Type == block.TypePart:
		return "a partition, not a whole disk"
	case d.Type == "loop" && d.BackingFile != "":
		return "a loop device, not a disk (" + d.BackingFile + ")"
	case d.Type == "loop":
		return "a loop device, not a disk"
	case d.Type == "rom":
		return "an optical drive, not a disk"
	case d.Type == "mpath":
		return "a multipath device, which is not supported"
	case kind != "":
		return "an " + kind + ", not a whole disk"
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

// live lists the mount points of the running system that need a disk or a
// device upon it.
func live(d block.Device) []string {
	var points []string
	for _, b := range d.Below() {
		points = append(points, b.Live...)
	}
	slices.Sort(points)
	return slices.Compact(points)
}

// startedFrom names the boot entry or boot loader that shows that this session
// was started from a disk, or is empty.
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

// held lists what holds a disk or its partitions open.
func held(d block.Device) []string {
	var why []string
	for _, b := range slices.Concat([]block.Device{d}, d.Partitions) {
		known := map[string]bool{}
		for _, c := range b.Children {
			known[c.Name] = true
			kind := c.Type
			if k := kindOf(c); k != "" {
				kind = "the " + k
			}
			why = append(why, fmt.Sprintf("%s is in use by %s", b.Path, words(kind, c.Path)))
		}
		for _, h := range b.Holders {
			if !known[h] {
				why = append(why, fmt.Sprintf("%s is in use by %s", b.Path, h))
			}
		}
	}
	return why
}
