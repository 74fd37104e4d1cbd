// Package gate makes the last checks before the first write.
package gate

import (
	"cmp"
	"context"
	"fmt"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says which disk was confirmed.
type Options struct {
	Disk block.Identity
	// Refusal returns why a disk may not be written to, or an empty string.
	Refusal func(inv *block.Inventory, path string) string
	// Hold opens the disk exclusively and returns what the device says of itself. It
	// is (*block.Held).Take, except in tests.
	Hold func(ctx context.Context, path string) (block.Facts, error)
	// Read reads samples of the held disk. It is (*block.Held).Sample, except in tests.
	Read func(ctx context.Context) error
	Root string // where /proc, /sys and /dev are; empty is "/"
}

// Ops open the disk exclusively and identify it again by the open descriptor. They fail
// if it is not the confirmed disk, or if it is in use. The disk is held while they
// check, so nothing can change between the check and the first write.
func Ops(o Options) []engine.Op {
	const does = " exclusively, identify it again by the open device, and verify that it can be read"
	return []engine.Op{engine.Do("open "+o.Disk.Path+does, o.hold)}
}

func (o Options) hold(ctx context.Context, s sys.System) error {
	const again = "look at the disks again, and confirm the disk once more"
	facts, notHeld := o.Hold(ctx, o.Disk.Path)
	inv, err := block.Survey(ctx, s, cmp.Or(o.Root, "/"))
	if err != nil {
		return sys.Faultf(sys.CodeGate, "see what `lsblk` reports; nothing was written", "cannot read the list of disks again: %w", err)
	}
	dev, err := inv.Find(o.Disk)
	if err != nil {
		return sys.Faultf(sys.CodeGate, again, "cannot find the confirmed disk again: %w", err)
	}
	if dev.Path != o.Disk.Path {
		return sys.Faultf(sys.CodeGate, again, "%s is now %s", o.Disk.Path, dev.Path)
	}
	if why := o.Refusal(inv, dev.Path); why != "" {
		return sys.Faultf(sys.CodeGate, "unmount and close everything on the disk, then start over", "%s cannot be written to: %s", dev.Path, why)
	}
	// After the survey, which says more about a disk in use.
	if notHeld != nil {
		return sys.WithHint(notHeld, sys.CodeGate, "the disk may be failing: see the kernel's messages", "opening "+dev.Path+" exclusively")
	}
	if why := facts.Differ(dev); why != "" {
		return sys.Faultf(sys.CodeGate, again, "%s", why)
	}
	if err := o.Read(ctx); err != nil {
		return sys.WithHint(err, sys.CodeGate, "the disk or its cable is failing: see `dmesg`, and use another disk", dev.Path+" cannot be read")
	}
	s.Log(fmt.Sprintf("%s (device %s) is the confirmed disk; it is not in use, and is now held", o.Disk.Path, facts.DevNo))
	return nil
}
