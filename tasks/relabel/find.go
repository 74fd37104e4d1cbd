package relabel

import (
	"context"
	"slices"
	"strings"

	"auto-installer/hosts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Find says where the labels are, and what they become.
type Find struct {
	FS string // where /proc, /sys and /dev are: "/", except in tests
	At string // where the host's root is mounted: "/" if it is running

	// The host's labels. With LUKS and Swap, each boot encrypts the swap with a new
	// key, so it has a partition name only.
	hosts.Labels
	Mapper string // the host's name for the open container
}

// Layout is the host's disk.
type Layout struct {
	Disk     block.Identity // the root's
	Labels   []Label        // in the order of writing
	Mount    Mount          // of the ESP; Point is empty if it is not mounted
	Swap     *sys.Swap      // as it is in use, or nil
	Warnings []string
	Config   []string // lines for the host's configuration, with the labels
}

type Mount struct {
	Device  string
	Point   string
	Options string // mount(8) -o
	Auto    bool   // systemd mounts it at its next use
}

func (l *Layout) Changes() []Label {
	return slices.DeleteFunc(slices.Clone(l.Labels), func(l Label) bool { return !l.Differs() })
}

const byHand = "relabel knows the layouts that auto-installer installs: an ESP, an ext4 root, in LUKS or not, and swap partitions; " +
	"set other labels by hand"

func misfit(hint, format string, args ...any) error {
	return sys.Faultf(sys.CodeContract, hint, format, args...)
}

// finder looks through one machine.
type finder struct {
	o      Find
	s      sys.System
	mounts []block.Mount
	inv    *block.Inventory
	byName map[string]block.Device
	diskOf map[string]block.Device // of partitions

	rootDev block.Device
	named   []Label      // names of partitions
	disk    block.Device // of the root
	l       *Layout
}

// Run finds the root, ESP, LUKS container and swap of the host that is mounted at
// o.At, and changes nothing. It refuses a layout that differs from the host's
// definition, and a label that another device has.
func (o Find) Run(ctx context.Context, s sys.System) (*Layout, error) {
	f := &finder{o: o, s: s, byName: map[string]block.Device{}, diskOf: map[string]block.Device{}, l: &Layout{}}
	var err error
	if f.mounts, err = block.Mounts(o.FS); err != nil {
		return nil, err
	}
	if f.inv, err = block.Survey(ctx, s, o.FS); err != nil {
		return nil, err
	}
	for _, top := range f.inv.Devices {
		for _, d := range top.Below() {
			f.byName[d.Name] = d
			for _, p := range d.Partitions {
				f.diskOf[p.Name] = d
			}
		}
	}
	for _, look := range []func(context.Context) error{f.start, f.esp, f.root, f.swap} {
		if err := look(ctx); err != nil {
			return nil, err
		}
	}
	f.l.Labels = append(f.l.Labels, f.named...) // the partition table is written last
	f.config()
	return f.l, f.alone()
}

// partition adds the name of a partition, and reads its present value.
func (f *finder) partition(part string, d block.Device, to string) error {
	disk, ok := f.diskOf[d.Name]
	if !ok {
		return misfit(byHand, "%s is not a partition", d.Path)
	}
	from, err := partitionName(f.o.FS, "/dev/"+disk.Name, d.Number)
	f.named = append(f.named, Label{
		Part: part, Kind: Name, Device: d.Path, Node: "/dev/" + d.Name, Disk: disk.Path, Number: d.Number, From: from, To: to,
	})
	return err
}

// add adds the label of what is on a device, and reads its present value.
func (f *finder) add(ctx context.Context, part string, kind Kind, d block.Device, to string) error {
	sig, err := probe(ctx, f.s, d.Path)
	if err != nil {
		return err
	}
	f.l.Labels = append(f.l.Labels, Label{
		Part: part, Kind: kind, Device: d.Path, Node: "/dev/" + d.Name, From: sig.label, To: to, Subsystem: sig.subsystem,
	})
	return nil
}

// mountedAt is the topmost mount at a point, and its device. Without a mount, ok is
// false. A file system on no block device has a device without a name.
func (f *finder) mountedAt(point string) (m block.Mount, d block.Device, ok bool) {
	for _, m := range slices.Backward(f.mounts) {
		if m.Point != point {
			continue
		}
		for _, d := range f.byName {
			// btrfs has device numbers of its own.
			if d.DevNo == m.DevNo || strings.HasPrefix(m.DevNo, "0:") && slices.Contains(d.Mountpoints, m.Point) {
				return m, d, true
			}
		}
		return m, block.Device{}, true
	}
	return block.Mount{}, block.Device{}, false
}

// partitions are those of the root's disk that are like this.
func (f *finder) partitions(which func(block.Device) bool) []block.Device {
	return slices.DeleteFunc(slices.Clone(f.disk.Partitions), func(p block.Device) bool { return !which(p) })
}

func several(what string, found []block.Device) string {
	if len(found) == 0 {
		return what + " was not found"
	}
	var paths []string
	for _, d := range found {
		paths = append(paths, d.Path)
	}
	return what + " could be any of " + strings.Join(paths, ", ")
}
