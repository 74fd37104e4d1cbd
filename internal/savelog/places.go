// Package savelog finds a place for the logs after a failure, and saves them there.
package savelog

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Place is a file system for the logs.
type Place struct {
	Device string // /dev/sdb1
	Label  string // of the file system, or empty
	FSType string
	Disk   string // model of the disk, or empty
	Size   int64  // bytes

	rank int // the best place has the lowest
}

// fsTypes are the file systems to write to: common ones that Linux writes safely.
// Logs are not worth a risk to an NTFS that Windows left hibernated.
var fsTypes = []string{"vfat", "exfat", "ext2", "ext3", "ext4", "btrfs", "xfs"}

// Places lists the places among all block devices: removable ones first, EFI system
// partitions last. It changes nothing. Root is where
// /proc, /sys and /dev are. The target disk, which may be empty, is never a place.
func Places(ctx context.Context, s sys.System, root, target string) ([]Place, error) {
	inv, err := block.Survey(ctx, s, root)
	if err != nil {
		return nil, err
	}
	if real, err := block.Resolve(root, target); err == nil {
		target = real
	}
	mounts, err := sys.Mounts(root)
	if err != nil {
		return nil, sys.WithHint(err, sys.CodeMachine, "mount /proc", "looking for a place for the logs")
	}
	return places(inv, target, writable(mounts)), nil
}

func places(inv *block.Inventory, target string, writable map[string]bool) []Place {
	var disk block.Device
	if i := slices.IndexFunc(inv.Devices, func(d block.Device) bool { return d.Is(target) }); i >= 0 {
		disk = inv.Devices[i]
	}
	taken := map[string]bool{} // the target by any path, and the devices upon it
	for _, d := range inv.Devices {
		for _, b := range d.Below() {
			if d.Is(target) || taken[d.Name] || block.SameDisk(d, disk) {
				taken[b.Name] = true
			}
		}
	}
	var all []Place
	for _, d := range inv.Devices {
		for _, b := range append([]block.Device{d}, d.Partitions...) {
			// The ESP of a hybrid ISO image is a part of the image.
			if taken[b.Name] || !slices.Contains(fsTypes, b.FSType) || b.IsESP() && isImage(d) || !usable(b, writable) {
				continue
			}
			all = append(all, Place{Device: b.Path, Label: b.Label, FSType: b.FSType, Disk: d.Model, Size: b.Size, rank: rank(d, b)})
		}
	}
	slices.SortStableFunc(all, func(a, b Place) int { return cmp.Compare(a.rank, b.rank) })
	return all
}

// isImage reports whether a disk holds an ISO image. A partition behind the image
// is as good as any.
func isImage(d block.Device) bool {
	return slices.ContainsFunc(append([]block.Device{d}, d.Partitions...), func(b block.Device) bool { return b.FSType == "iso9660" })
}

// rank orders the places on a disk, the best first: a stick or a card, or a disk by USB,
// before others, and an EFI system partition, from which a system boots, last.
func rank(disk, d block.Device) (n int) {
	if d.IsESP() {
		n += 2
	}
	if !disk.Removable && !disk.Hotplug && disk.Transport != "usb" {
		n++
	}
	return n
}

// usable reports whether a device can be mounted to write to it. One that is mounted to
// write already can be mounted again; an unmounted one may still be a part of something.
func usable(d block.Device, writable map[string]bool) bool {
	switch {
	case d.ReadOnly || d.Swap || d.Size <= 0:
		return false
	case slices.Contains([]string{"loop", "rom", block.TypeFile}, d.Type) || notDisk.MatchString(d.Name):
		return false
	case len(d.Mountpoints) > 0:
		return slices.ContainsFunc(d.Mountpoints, func(p string) bool { return writable[p] })
	}
	free := len(d.Holders) == 0 && len(d.Children) == 0 && len(d.Live) == 0
	return free && (d.Type == block.TypeDisk || d.Type == block.TypePart)
}

// notDisk matches devices that lsblk wrongly calls disks.
var notDisk = regexp.MustCompile(`^(z?ram|nbd)`)

// writable lists the mount points, and whether they can be written to. Both the
// mount and the file system below it must be writable; of several mounts at one
// point the last counts.
func writable(mounts []*mountinfo.Info) map[string]bool {
	rw := func(options string) bool { return slices.Contains(strings.Split(options, ","), "rw") }
	points := map[string]bool{}
	for _, m := range mounts {
		points[m.Mountpoint] = rw(m.Options) && rw(m.VFSOptions)
	}
	return points
}
