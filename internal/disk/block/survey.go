package block

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/sys"
)

// Survey lists the block devices and finds out what uses them. Root is where
// /proc, /sys and /dev are, "/" except in tests. Survey changes nothing; it
// opens a disk without any signature for reading, see content.
//
// It fails if it cannot read something that may distinguish a disk in use from
// a free one. Missing UEFI is not an error.
func Survey(ctx context.Context, s sys.System, root string) (*Inventory, error) {
	tree, err := survey(ctx, s, root)
	if err != nil {
		return nil, sys.WithHint(err, sys.CodeMachine, "use lsblk of util-linux 2.37 or newer, and mount /proc and /sys", "listing the block devices")
	}
	inv := &Inventory{Devices: flatten(tree)}
	inv.Boot, err = efi.Read(root)
	if err != nil && !errors.Is(err, efi.ErrNoUEFI) {
		inv.Boot.Problems = append(inv.Boot.Problems, err.Error())
	}
	for _, p := range inv.Boot.Problems {
		s.Log(p)
	}
	return inv, nil
}

// surveyor collects what is known of each device, by its kernel name.
type surveyor struct {
	root   string
	byName map[string]*Device  // its first copy in the tree
	under  map[string][]string // what a device is made of: its disk, its slaves
	mounts []Mount
}

func survey(ctx context.Context, s sys.System, root string) ([]Device, error) {
	out, err := s.Output(ctx, Lsblk)
	if err != nil {
		return nil, err
	}
	tree, err := ParseLsblk(out)
	if err != nil {
		return nil, err
	}
	v := &surveyor{root: root, byName: map[string]*Device{}, under: map[string][]string{}}
	each(tree, func(d *Device, parent string) {
		if v.byName[d.Name] == nil {
			v.byName[d.Name] = new(*d)
		}
		if parent != "" {
			v.under[d.Name] = union(v.under[d.Name], parent)
		}
	})
	if err := errors.Join(v.readSysfs(), v.readUse()); err != nil {
		return nil, err
	}
	for _, d := range v.byName {
		if d.Type == TypeDisk && d.Size > 0 && d.FSType == "" && len(d.Partitions)+len(d.Children) == 0 {
			d.Content = content(filepath.Join(root, "dev", d.Name), d.Size, d.PTType != "")
		}
	}
	each(tree, func(d *Device, _ string) { // a device of several parents is several times in the tree
		partitions, children := d.Partitions, d.Children
		*d = *v.byName[d.Name]
		d.Partitions, d.Children = partitions, children
	})
	return tree, nil
}

// sysfs is a path below the device's folder. The kernel writes the / of names
// like cciss/c0d0 as ! here.
func (v *surveyor) sysfs(name string, more ...string) string {
	dir := filepath.Join(v.root, "sys/class/block", strings.ReplaceAll(name, "/", "!"))
	return filepath.Join(append([]string{dir}, more...)...)
}

// readSysfs adds what lsblk does not print (kernel:
// Documentation/ABI/stable/sysfs-block).
func (v *surveyor) readSysfs() error {
	if _, err := os.Stat(v.sysfs("")); err != nil {
		return err
	}
	byID, err := ByID(v.root)
	if err != nil {
		return err
	}
	for name, d := range v.byName {
		if d.Type == TypePart {
			d.Number = int(readNumber(v.sysfs(name, "partition")))
			d.Start = readNumber(v.sysfs(name, "start")) * 512 // always in units of 512
		} else {
			d.DiskSeq = uint64(max(readNumber(v.sysfs(name, "diskseq")), 0))
		}
		d.Holders = union(d.Holders, list(v.sysfs(name, "holders"))...)
		d.Slaves = list(v.sysfs(name, "slaves"))
		v.under[name] = union(v.under[name], d.Slaves...)
		// Linux, drivers/mmc/core/bus.c: MMC is soldered in.
		if strings.HasPrefix(name, "mmcblk") && readText(v.sysfs(name, "device/type")) == "SD" {
			d.Transport = TransportCard
		}
		home, _ := os.Readlink(v.sysfs(name)) // a folder in tests
		d.Virtual = strings.Contains(home, "/devices/virtual/block/")
		d.BackingFile = readText(v.sysfs(name, "loop/backing_file"))
		d.ByID = byID[name]
		if d.FSType == "zfs_member" && d.Label != "" && list(filepath.Join(v.root, "proc/spl/kstat/zfs", filepath.Base(d.Label))) != nil {
			// OpenZFS has such a folder, with files, for every imported pool.
			d.Holders = union(d.Holders, "ZFS pool "+d.Label)
		}
		if d.Serial == "" && d.Type == TypeDisk {
			d.Serial = firstText(v.sysfs(name), "serial", "device/serial")
		}
		// A loop device upon a disk holds the disk, which sysfs does not show.
		if below, ok := v.name(d.BackingFile); ok {
			v.byName[below].Holders = union(v.byName[below].Holders, name)
		}
	}
	return nil
}

// each visits every device of a tree, parents first.
func each(tree []Device, visit func(d *Device, parent string)) {
	var walk func(ds []Device, parent string)
	walk = func(ds []Device, parent string) {
		for i := range ds {
			visit(&ds[i], parent)
			walk(ds[i].Partitions, ds[i].Name)
			walk(ds[i].Children, ds[i].Name)
		}
	}
	walk(tree, "")
}

// flatten lists every device that is not a partition of another, once.
func flatten(tree []Device) []Device {
	var all []Device
	seen := map[string]bool{}
	each(tree, func(d *Device, parent string) {
		if !seen[d.Name] && (parent == "" || d.Type != TypePart) {
			seen[d.Name] = true
			all = append(all, *d)
		}
	})
	return all
}

// union is a list with more texts, sorted and each once.
func union(list []string, more ...string) []string {
	all := slices.Concat(list, more)
	slices.Sort(all)
	return slices.Compact(all)
}

// readText reads a file of sysfs; empty if it cannot be read.
func readText(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return oneLine(string(b))
}

// firstText reads the first of several files that has text.
func firstText(dir string, names ...string) string {
	for _, n := range names {
		if text := readText(filepath.Join(dir, n)); text != "" {
			return text
		}
	}
	return ""
}

func readNumber(path string) int64 {
	n, err := strconv.ParseInt(readText(path), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// list lists the names in a folder, or nothing.
func list(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
