package block

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/sys"
)

// livePoints are where live systems mount what they run from: NixOS, Debian,
// Fedora, Arch, Ubuntu.
var livePoints = []string{
	"/", "/iso", "/nix/store", "/nix/.ro-store", "/run/initramfs/live", "/run/live/medium",
	"/run/archiso/bootmnt", "/run/rootfsbase", "/cdrom",
}

// Survey lists the block devices and finds out what uses them. Root is where
// /proc, /sys and /dev are, "/" but in tests. It changes nothing; disks
// without any signature are opened for reading, see content.
//
// It fails if something cannot be read that may tell a disk in use from one
// that is not. Missing UEFI is no error here, see Inventory.UEFI.
func Survey(ctx context.Context, s sys.System, root string) (*Inventory, error) {
	const hint = "disks cannot be told apart without it; lsblk must be of util-linux 2.37 or newer, and /proc and /sys mounted"
	fail := func(err error) (*Inventory, error) {
		return nil, sys.WithHint(err, sys.CodeMachine, hint, "listing the block devices")
	}
	out, err := s.Output(ctx, Lsblk)
	if err != nil {
		return fail(err)
	}
	tree, err := ParseLsblk(out)
	if err != nil {
		return fail(err)
	}
	v := &survey{
		root: root, byName: map[string]*Device{}, under: map[string][]string{},
		live: map[string][]string{}, mounted: map[string][]string{}, swap: map[string]bool{}, fsTypes: map[string]string{},
	}
	if err := v.readSysfs(tree); err != nil {
		return fail(err)
	}
	if err := v.readUse(); err != nil {
		return fail(err)
	}
	v.annotate(tree)

	inv := &Inventory{Devices: flatten(tree)}
	inv.Boot, err = efi.Read(root)
	inv.UEFI = err == nil
	if err != nil && !errors.Is(err, efi.ErrNoUEFI) {
		inv.Boot.Problems = append(inv.Boot.Problems, err.Error())
	}
	for _, p := range inv.Boot.Problems {
		s.Log(p)
	}
	return inv, nil
}

// survey gathers what is known of devices, by their kernel names.
type survey struct {
	root    string
	byName  map[string]*Device
	under   map[string][]string // what a device is made of: its disk, its slaves
	mounts  []mount
	live    map[string][]string
	mounted map[string][]string
	fsTypes map[string]string // of what is mounted
	swap    map[string]bool
}

func (v *survey) sysfs(name string, more ...string) string {
	// The kernel writes the / of names like cciss/c0d0 as ! here.
	dir := filepath.Join(v.root, "sys/class/block", strings.ReplaceAll(name, "/", "!"))
	return filepath.Join(append([]string{dir}, more...)...)
}

// readSysfs fills in what lsblk does not tell (kernel:
// Documentation/ABI/stable/sysfs-block), and the relations between devices.
func (v *survey) readSysfs(tree []Device) error {
	if _, err := os.Stat(v.sysfs("")); err != nil {
		return err
	}
	byID, err := ByID(v.root)
	if err != nil {
		return err
	}
	each(tree, func(d *Device, parent string) {
		if parent != "" && !slices.Contains(v.under[d.Name], parent) {
			v.under[d.Name] = append(v.under[d.Name], parent)
		}
		if d.Type == TypePart {
			d.Number = int(readNumber(v.sysfs(d.Name, "partition")))
			d.Start = readNumber(v.sysfs(d.Name, "start")) * 512 // always in units of 512
		} else {
			d.DiskSeq = uint64(max(readNumber(v.sysfs(d.Name, "diskseq")), 0))
		}
		d.Holders = list(v.sysfs(d.Name, "holders"))
		d.Slaves = list(v.sysfs(d.Name, "slaves"))
		// Linux, drivers/mmc/core/bus.c: MMC is soldered in.
		if strings.HasPrefix(d.Name, "mmcblk") && readText(v.sysfs(d.Name, "device/type")) == "SD" {
			d.Transport = TransportCard
		}
		home, _ := os.Readlink(v.sysfs(d.Name)) // a folder in tests
		d.Virtual = strings.Contains(home, "/devices/virtual/block/")
		d.BackingFile = readText(v.sysfs(d.Name, "loop/backing_file"))
		d.ByID = byID[d.Name]
		if d.FSType == "zfs_member" && d.Label != "" {
			// OpenZFS has a folder there for every imported pool.
			pool := filepath.Join(v.root, "proc/spl/kstat/zfs", filepath.Base(d.Label))
			if _, err := os.Stat(pool); err == nil {
				d.Holders = append(d.Holders, "ZFS pool "+d.Label)
			}
		}
		for _, file := range []string{"serial", "device/serial"} {
			if d.Serial == "" && d.Type == TypeDisk {
				d.Serial = readText(v.sysfs(d.Name, file))
			}
		}
		for _, s := range d.Slaves {
			if !slices.Contains(v.under[d.Name], s) {
				v.under[d.Name] = append(v.under[d.Name], s)
			}
		}
		v.byName[d.Name] = d
	})
	// A loop device upon a disk holds it, which the kernel does not show.
	for name, d := range v.byName {
		if below, ok := v.name(d.BackingFile); ok {
			holds := v.byName[below]
			holds.Holders = union(holds.Holders, []string{name})
		}
	}
	return nil
}

// annotate writes what was found into every copy of a device in the tree.
func (v *survey) annotate(tree []Device) {
	each(tree, func(d *Device, _ string) {
		full := *v.byName[d.Name]
		d.Swap = d.Swap || v.swap[d.Name]
		d.Live = v.live[d.Name]
		if d.FSType == "" {
			d.FSType = v.fsTypes[d.Name]
		}
		if d.Type == TypeDisk && d.unmarked() {
			d.Content = content(filepath.Join(v.root, "dev", d.Name), d.Size, d.PTType != "")
		}
		d.Holders = union(d.Holders, full.Holders)
		d.Mountpoints = union(union(d.Mountpoints, full.Mountpoints), v.mounted[d.Name])
	})
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
	var walk func(ds []Device, isPartition bool)
	walk = func(ds []Device, isPartition bool) {
		for _, d := range ds {
			if !isPartition && !seen[d.Name] {
				seen[d.Name] = true
				all = append(all, d)
			}
			walk(d.Partitions, true)
			walk(d.Children, false)
		}
	}
	walk(tree, false)
	return all
}

func add(m map[string][]string, key, value string) {
	if !slices.Contains(m[key], value) {
		m[key] = append(m[key], value)
	}
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func readText(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return oneLine(string(b))
}

func readNumber(path string) int64 {
	n, err := strconv.ParseInt(readText(path), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// list is the names in a folder, or none.
func list(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Find returns the one device that is the same as was noted before. The error
// says why there is none, or that there are several which cannot be told apart.
func (inv *Inventory) Find(id Identity) (Device, error) {
	var same []Device
	why := "it is gone"
	for _, d := range inv.Devices {
		ok, reason := id.Same(IdentityOf(d))
		switch {
		case ok:
			same = append(same, d)
		case d.Path == id.Path:
			why = reason
		}
	}
	if len(same) > 1 { // cheap adapters give every disk one serial number
		same = slices.DeleteFunc(same, func(d Device) bool { return d.Path != id.Path || d.DevNo != id.DevNo })
		why = "several disks have the same serial number and size"
	}
	if len(same) != 1 {
		return Device{}, fmt.Errorf("%s is not the disk that was chosen: %s", id.Path, why)
	}
	return same[0], nil
}
