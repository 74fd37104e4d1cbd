// Package savelog helps after a failure: it finds a place for the logs, saves them
// there, and starts a rescue shell.
package savelog

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Place is a file system for the logs.
type Place struct {
	Device    string // /dev/sdb1
	Label     string // of the file system, or empty
	FSType    string
	Disk      string // model of the disk, or empty
	Size      int64  // bytes
	Removable bool   // a stick or a card, or a disk by USB
	ESP       bool   // an EFI system partition: a system boots from it
	MountedAt string // empty: Save mounts it
}

// fsTypes are the file systems to write to: common ones that Linux writes safely.
// Logs are not worth a risk to an NTFS that Windows left hibernated.
var fsTypes = []string{"vfat", "exfat", "ext2", "ext3", "ext4", "btrfs", "xfs"}

// Options says where to look.
type Options struct {
	Root string // where /proc, /sys and /dev are; empty: "/"
	// Target is the target disk, which is never a place. Empty: not chosen yet.
	Target string
}

// Places lists the places among all block devices: removable ones first, then
// mounted ones, EFI system partitions last. It changes nothing.
func Places(ctx context.Context, s sys.System, o Options) ([]Place, error) {
	if o.Root == "" {
		o.Root = "/"
	}
	inv, err := block.Survey(ctx, s, o.Root)
	if err != nil {
		return nil, err
	}
	mounts, err := sys.Mounts(o.Root)
	if err != nil {
		return nil, sys.WithHint(err, sys.CodeMachine, "mount /proc", "looking for a place for the logs")
	}
	if real, err := block.Resolve(o.Root, o.Target); err == nil {
		o.Target = real
	}
	return places(inv, o.Target, writable(mounts)), nil
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
			if taken[b.Name] || !slices.Contains(fsTypes, b.FSType) || b.IsESP() && isImage(d) {
				continue
			}
			at, ok := use(b, writable)
			if !ok {
				continue
			}
			all = append(all, Place{
				Device: b.Path, Label: b.Label, FSType: b.FSType, Disk: d.Model, Size: b.Size,
				Removable: d.Removable || d.Hotplug || d.Transport == "usb",
				ESP:       b.IsESP(), MountedAt: at,
			})
		}
	}
	slices.SortStableFunc(all, func(a, b Place) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

// isImage reports whether a disk holds an ISO image. A partition behind the image
// is as good as any.
func isImage(d block.Device) bool {
	return slices.ContainsFunc(append([]block.Device{d}, d.Partitions...), func(b block.Device) bool { return b.FSType == "iso9660" })
}

func rank(p Place) int {
	switch {
	case p.Removable && !p.ESP:
		return 0
	case p.MountedAt != "" && !p.ESP:
		return 1
	case !p.ESP:
		return 2
	case p.Removable:
		return 3
	}
	return 4
}

// use reports whether a device can be written to, and where it is mounted.
func use(d block.Device, writable map[string]bool) (at string, ok bool) {
	switch {
	case d.ReadOnly || d.Swap || d.Size <= 0:
		return "", false
	case slices.Contains([]string{"loop", "rom", block.TypeFile}, d.Type) || inMemory(d.Name):
		return "", false
	case len(d.Mountpoints) > 0:
		i := slices.IndexFunc(d.Mountpoints, func(p string) bool { return writable[p] })
		if i < 0 {
			return "", false
		}
		return d.Mountpoints[i], true
	}
	// An unmounted device may still be a part of something.
	free := len(d.Holders) == 0 && len(d.Children) == 0 && len(d.Live) == 0
	return "", free && (d.Type == block.TypeDisk || d.Type == block.TypePart)
}

// inMemory reports whether a device is one that lsblk wrongly calls a disk.
func inMemory(name string) bool {
	return strings.HasPrefix(name, "ram") || strings.HasPrefix(name, "zram") || strings.HasPrefix(name, "nbd")
}

// writable lists the mount points, and whether they can be written to. Both the
// mount and the file system below it must be writable; of several mounts at one
// point the last counts.
func writable(mounts []*mountinfo.Info) map[string]bool {
	points := map[string]bool{}
	for _, m := range mounts {
		points[m.Mountpoint] = has(m.Options, "rw") && has(m.VFSOptions, "rw")
	}
	return points
}

func has(options, option string) bool {
	return slices.Contains(strings.Split(options, ","), option)
}
