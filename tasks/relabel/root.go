package relabel

import (
	"context"
	"fmt"
	"path/filepath"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// root adds the root file system and its LUKS container.
func (f *finder) root(ctx context.Context) error {
	d := f.rootDev
	if err := f.add(ctx, "root", Ext4, d, f.o.Root); err != nil {
		return err
	}
	if f.o.LUKS == "" {
		return f.partition("root", d, f.o.Root)
	}
	c, err := f.container(d)
	if err != nil {
		return err
	}
	if err := f.partition("LUKS", c, f.o.LUKS); err != nil {
		return err
	}
	sig, err := probe(ctx, f.s, c.Path)
	if err != nil {
		return err
	}
	if name := filepath.Base(d.Path); name != f.o.Mapper {
		f.l.Warnings = append(f.l.Warnings, fmt.Sprintf(
			"the container is open as %s; the host's definition calls it %s, and so must its configuration", name, f.o.Mapper))
	}
	if sig.version == "1" {
		f.l.Warnings = append(f.l.Warnings,
			c.Path+" is LUKS1, which has no label: it gets a partition name only, and the configuration refers to that")
		return nil
	}
	return f.add(ctx, "LUKS", LUKS, c, f.o.LUKS)
}

func (f *finder) start(context.Context) error {
	m, d, ok := f.mountedAt(f.o.At)
	_, isPart := f.diskOf[d.Name]
	switch {
	case !ok:
		return sys.Faultf(sys.CodeUsage, "mount the host's root there first", "nothing is mounted at %s", f.o.At)
	case d.Name == "":
		return misfit("on a live system, mount the host's disk and name the folder with --root; otherwise "+byHand,
			"%s is on no disk: it is %s", f.o.At, m.FSType)
	case m.FSType != "ext4":
		return misfit("set its label by the tools of "+m.FSType, "the root on %s is %s, not ext4", d.Path, m.FSType)
	case !isPart && d.Type != "crypt":
		return misfit(byHand, "the root is on %s, which is %s and not a partition", d.Path, d.Type)
	case f.o.LUKS == "" && d.Type == "crypt":
		return misfit("set luks.enable in the host's definition, if this is the host",
			"the root is encrypted (%s), and the host's is not", d.Path)
	}
	f.rootDev = d
	for _, name := range append([]string{d.Name}, d.Slaves...) {
		if disk, ok := f.diskOf[name]; ok {
			f.disk = disk
		}
	}
	f.l.Disk = block.IdentityOf(f.disk)
	return nil
}

// container is the partition with root's LUKS container.
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
