package relabel

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/steps/internal/block"
	"auto-installer/steps/internal/sys"
)

// Find says whose labels are looked for, and what they shall be.
type Find struct {
	FS string // where /proc, /sys and /dev are: "/" but in tests
	At string // where the host's root is mounted: "/" if it is running

	// The host's labels. LUKS and Swap are empty without; with both, the swap
	// is encrypted anew at each boot and has a partition name only.
	ESP, Root, LUKS, Swap string
	Mapper                string // the host's name for the open container
}

// Layout is the host's disk as it was found.
type Layout struct {
	Disk   block.Identity // the root's
	Labels []Label        // in the order of writing
	// Mount is how the ESP is mounted, Point empty if it is not.
	Mount    Mount
	Swap     ActiveSwap // how the swap is used
	Warnings []string
	Config   []string // the lines of the host's configuration that go by label
}

// Mount is where the ESP is mounted.
type Mount struct {
	Device  string
	Point   string
	Options string // mount(8) -o
	Auto    bool   // systemd mounts it when it is next looked at
}

// ActiveSwap is a swap in use.
type ActiveSwap struct {
	On       bool
	Priority int // negative: not chosen by anybody
}

// Changes are the labels that differ.
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
	disk    block.Device // that the root is on
	parts   []part
	own     []string // kernel names of what carries the labels
	l       *Layout
}

// part is a partition that gets a name.
type part struct {
	name string // ESP, root, LUKS or swap
	d    block.Device
	to   string
}

// Run finds the root, ESP, LUKS container and swap of the host that runs, or of
// the one that is mounted at o.At. It only looks. A layout that the host's
// definition does not describe is refused, and so is a label that another
// device carries.
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
	for _, look := range []func(context.Context) error{f.start, f.esp, f.root, f.swap, f.names, f.alone, f.config} {
		if err := look(ctx); err != nil {
			return nil, err
		}
	}
	return f.l, nil
}

// partition notes a partition that gets a name, see names.
func (f *finder) partition(name string, d block.Device, to string) {
	f.parts = append(f.parts, part{name, d, to})
	f.own = append(f.own, d.Name)
}

// add notes a label, and reads what it is now.
func (f *finder) add(ctx context.Context, part string, kind Kind, d block.Device, to string) error {
	sig, err := probe(ctx, f.s, d.Path)
	if err != nil {
		return err
	}
	f.l.Labels = append(f.l.Labels, Label{
		Part: part, Kind: kind, Device: d.Path, Node: "/dev/" + d.Name, From: sig.label, To: to, Subsystem: sig.subsystem,
	})
	f.own = append(f.own, d.Name)
	return nil
}

// mountedAt is what lies on top at a mount point, and the device that it is on.
// ok is false if nothing is mounted there. A device without a name is none.
func (f *finder) mountedAt(point string) (m block.Mount, d block.Device, ok bool) {
	for _, m := range slices.Backward(f.mounts) {
		if m.Point != point {
			continue
		}
		for _, d := range f.byName {
			// btrfs has a number of its own.
			if d.DevNo == m.DevNo || strings.HasPrefix(m.DevNo, "0:") && slices.Contains(d.Mountpoints, m.Point) {
				return m, d, true
			}
		}
		return m, block.Device{}, true
	}
	return block.Mount{}, block.Device{}, false
}

// start finds the root file system's device and disk, which the others go by.
func (f *finder) start(context.Context) (err error) {
	if f.rootDev, err = f.rootDevice(); err != nil {
		return err
	}
	for _, name := range append([]string{f.rootDev.Name}, f.rootDev.Slaves...) {
		if d, ok := f.diskOf[name]; ok {
			f.disk = d
		}
	}
	f.l.Disk = block.IdentityOf(f.disk)
	return nil
}

// root adds the root file system, and the container that it lies in.
func (f *finder) root(ctx context.Context) error {
	d := f.rootDev
	if err := f.add(ctx, "root", Ext4, d, f.o.Root); err != nil {
		return err
	}
	if f.o.LUKS == "" {
		f.partition("root", d, f.o.Root)
		return nil
	}
	c, err := f.container(d)
	if err != nil {
		return err
	}
	f.partition("LUKS", c, f.o.LUKS)
	sig, err := probe(ctx, f.s, c.Path)
	if err != nil {
		return err
	}
	if name := filepath.Base(d.Path); name != f.o.Mapper {
		f.l.Warnings = append(f.l.Warnings, fmt.Sprintf("the container is open as %s; the host's definition calls it %s, and so must its configuration", name, f.o.Mapper))
	}
	if sig.version == "1" {
		f.l.Warnings = append(f.l.Warnings, c.Path+" is LUKS1, which has no label: it gets a partition name only, and the configuration goes by that")
		return nil
	}
	return f.add(ctx, "LUKS", LUKS, c, f.o.LUKS)
}

func (f *finder) rootDevice() (block.Device, error) {
	m, d, ok := f.mountedAt(f.o.At)
	if !ok {
		return block.Device{}, sys.Faultf(sys.CodeUsage, "mount the host's root there first", "nothing is mounted at %s", f.o.At)
	}
	if d.Name == "" {
		return block.Device{}, misfit("on a live system, mount the host's disk and name the folder with --root; otherwise "+byHand,
			"%s is on no disk: it is %s", f.o.At, m.FSType)
	}
	if m.FSType != "ext4" {
		return block.Device{}, misfit(otherFS(m, d, f.o.Root), "the root on %s is %s, and not ext4", d.Path, m.FSType)
	}
	if _, isPart := f.diskOf[d.Name]; !isPart && d.Type != "crypt" {
		return block.Device{}, misfit(byHand, "the root is on %s, which is %s and no partition", d.Path, d.Type)
	}
	if f.o.LUKS == "" && d.Type == "crypt" {
		return block.Device{}, misfit("set luks.enable in the host's definition, if this is the host", "the root is encrypted (%s), and the host's is not", d.Path)
	}
	return d, nil
}

// otherFS says how a file system of another kind is labelled while mounted.
func otherFS(m block.Mount, d block.Device, label string) string {
	switch m.FSType {
	case "btrfs":
		return "label it by hand: " + sys.Quote([]string{"btrfs", "filesystem", "label", m.Point, label})
	case "xfs":
		return "label it by hand: " + sys.Quote([]string{"xfs_io", "-c", "label -s " + label, m.Point}) + " (at most 12 characters)"
	}
	return fmt.Sprintf("label %s by hand, by the tools of %s", d.Path, m.FSType)
}

// container is the partition of the LUKS container that root lies in.
func (f *finder) container(root block.Device) (block.Device, error) {
	if root.Type != "crypt" {
		return block.Device{}, misfit("set luks.enable = false in the host's definition, if this is the host",
			"the host's root is encrypted, and %s is not", root.Path)
	}
	var found []block.Device
	for _, name := range root.Slaves {
		if _, ok := f.diskOf[name]; ok && f.byName[name].FSType == "crypto_LUKS" {
			found = append(found, f.byName[name])
		}
	}
	if len(found) != 1 || len(root.Slaves) != 1 {
		return block.Device{}, misfit(byHand, "%s is not a LUKS container on a partition of its own", root.Path)
	}
	return found[0], nil
}

// espPoints are where an ESP is mounted (systemd: bootctl(1), --esp-path).
var espPoints = []string{"boot", "efi", "boot/efi"}

// esp finds the ESP: the one that is mounted, or else the only one of the
// root's disk.
func (f *finder) esp(ctx context.Context) error {
	var found []block.Device
	for _, p := range espPoints {
		m, d, ok := f.mountedAt(filepath.Join(f.o.At, p))
		if ok && m.FSType == "vfat" {
			f.l.Mount = Mount{Device: d.Path, Point: m.Point, Options: strings.Join(m.Options, ",")}
			found = append(found, d)
			break
		}
	}
	if len(found) == 0 {
		found = f.partitions(f.disk, func(p block.Device) bool { return p.IsESP() && p.FSType == "vfat" })
	}
	if len(found) != 1 {
		return misfit("mount the host's ESP at "+filepath.Join(f.o.At, "boot"), "%s", several("the ESP", found))
	}
	d := found[0]
	if !d.IsESP() {
		return misfit("mount the host's ESP at "+filepath.Join(f.o.At, "boot"), "%s is mounted at %s and is no ESP", d.Path, f.l.Mount.Point)
	}
	f.partition("ESP", d, f.o.ESP)
	if err := f.add(ctx, "ESP", FAT, d, f.o.ESP); err != nil {
		return err
	}
	if !f.l.Labels[0].Differs() || f.l.Mount.Point == "" {
		return nil
	}
	return f.mountedOnce(d)
}

// mountedOnce: the ESP is unmounted for its label, so whatever else shows it
// would be in the way.
func (f *finder) mountedOnce(d block.Device) error {
	var at []string
	for _, m := range f.mounts {
		if m.DevNo == d.DevNo {
			at = append(at, m.Point)
		}
		if m.Point == f.l.Mount.Point && m.FSType == "autofs" {
			f.l.Mount.Auto = true
		}
		if strings.HasPrefix(m.Point, f.l.Mount.Point+"/") {
			return sys.Faultf(sys.CodeGate, "unmount "+m.Point, "%s must be unmounted for its label, and %s is mounted below it", f.l.Mount.Point, m.Point)
		}
	}
	if len(at) > 1 {
		return sys.Faultf(sys.CodeGate, "leave only one of them", "%s is mounted more than once: at %s", d.Path, strings.Join(at, " and "))
	}
	return nil
}

func (f *finder) partitions(disk block.Device, which func(block.Device) bool) []block.Device {
	return slices.DeleteFunc(slices.Clone(disk.Partitions), func(p block.Device) bool { return !which(p) })
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
