// Package savelog helps after a failure: it finds a place for the logs, saves
// them there, and names the shell to look around with.
package savelog

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Place is a file system that logs can be saved to.
type Place struct {
	Device    string // /dev/sdb1
	Label     string // of the file system, or empty
	FSType    string
	Disk      string // model of the disk, or empty
	Size      int64  // bytes
	Removable bool   // a stick or a card, or a disk by USB
	ESP       bool   // an EFI system partition: somebody boots from it
	MountedAt string // empty: Save mounts it
}

// fsTypes are what is written to: what Linux writes safely, and everybody
// reads. Logs are not worth a risk to an NTFS that Windows left hibernated.
var fsTypes = []string{"vfat", "exfat", "ext2", "ext3", "ext4", "btrfs", "xfs"}

// Options says where to look.
type Options struct {
	Root string // where /proc, /sys and /dev are; empty is "/"
	// Target is the disk that was installed to, which is never a place. Empty:
	// none was chosen yet.
	Target string
}

// Places looks at every block device and lists where logs can be saved:
// removable ones first, then those that are mounted, EFI system partitions
// last. It changes nothing.
func Places(ctx context.Context, s sys.System, o Options) ([]Place, error) {
	if o.Root == "" {
		o.Root = "/"
	}
	inv, err := block.Survey(ctx, s, o.Root)
	if err != nil {
		return nil, err
	}
	mountinfo, err := os.ReadFile(filepath.Join(o.Root, "proc/self/mountinfo"))
	if err != nil {
		return nil, sys.WithHint(err, sys.CodeMachine, "/proc must be mounted", "looking for a place for the logs")
	}
	if real, err := block.Resolve(o.Root, o.Target); err == nil {
		o.Target = real
	}
	return places(inv, o.Target, writable(mountinfo)), nil
}

func places(inv *block.Inventory, target string, writable map[string]bool) []Place {
	var disk block.Device
	if i := slices.IndexFunc(inv.Devices, func(d block.Device) bool { return d.Is(target) }); i >= 0 {
		disk = inv.Devices[i]
	}
	taken := map[string]bool{} // the target by any path, and what is built upon it
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
			// The ESP of a hybrid ISO image lies within the image.
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

// isImage tells if an ISO image was written to a disk. A partition that was
// added behind it is as good as any.
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

// use tells if a device can be written to, and where it is mounted for that.
func use(d block.Device, writable map[string]bool) (at string, ok bool) {
	switch {
	case d.ReadOnly || d.Swap || d.Size <= 0:
		return "", false
	case slices.Contains([]string{"loop", "rom", block.TypeFile}, d.Type) || inMemory(d.Name):
		return "", false
	case len(d.Mountpoints) > 0:
		for _, p := range d.Mountpoints {
			if writable[p] {
				return p, true
			}
		}
		return "", false
	}
	// What nobody has mounted may still be a part of something.
	free := len(d.Holders) == 0 && len(d.Children) == 0 && len(d.Live) == 0
	return "", free && (d.Type == block.TypeDisk || d.Type == block.TypePart)
}

// inMemory tells what lsblk calls a disk and is none.
func inMemory(name string) bool {
	return strings.HasPrefix(name, "ram") || strings.HasPrefix(name, "zram") || strings.HasPrefix(name, "nbd")
}

// writable lists the mount points that can be written to. Both the mount and
// the file system below it must be (proc_pid_mountinfo(5)); of mounts over
// each other the last counts.
func writable(mountinfo []byte) map[string]bool {
	points := map[string]bool{}
	for line := range bytes.Lines(mountinfo) {
		before, after, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " - ")
		f, g := strings.Split(before, " "), strings.Split(after, " ")
		if !ok || len(f) < 6 || len(g) < 3 {
			continue
		}
		// The names that the kernel writes (fs/seq_file.c, mangle_path).
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(f[4])
		points[point] = has(f[5], "rw") && has(g[2], "rw")
	}
	return points
}

func has(options, option string) bool {
	return slices.Contains(strings.Split(options, ","), option)
}
