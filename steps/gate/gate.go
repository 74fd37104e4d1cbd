// Package gate is the last look before the first write.
package gate

import (
	"cmp"
	"context"
	"fmt"

	"auto-installer/steps/internal/block"
	"auto-installer/steps/internal/sys"
)

// Options says which disk was confirmed.
type Options struct {
	Disk block.Identity
	// Refusal tells why a disk may not be written to now, or is empty.
	Refusal func(inv *block.Inventory, path string) string
	// Busy tells whether the kernel lets nobody open the disk exclusively. It
	// is block.Busy but in tests.
	Busy func(path string) (bool, error)
	Root string // where /proc, /sys and /dev are; empty is "/"
}

// Actions is what Run will look at.
func Actions(o Options) []sys.Action {
	return []sys.Action{{Does: fmt.Sprintf("identify %s again and open it exclusively", o.Disk.Path)}}
}

// Run identifies the disk again. If it is not the very disk that was
// confirmed, or something uses it by now, the plan stops here.
func Run(ctx context.Context, s sys.System, o Options) error {
	inv, err := block.Survey(ctx, s, cmp.Or(o.Root, "/"))
	if err != nil {
		return stop("`lsblk` shows what is wrong; nothing was written", "the disks cannot be looked at again: %w", err)
	}
	dev, err := inv.Find(o.Disk)
	if err != nil {
		return stop("look at the disks again and confirm anew", "the confirmed disk is not found again: %w", err)
	}
	if dev.Path != o.Disk.Path {
		return stop("look at the disks again and confirm anew", "%s is now %s", o.Disk.Path, dev.Path)
	}
	if why := o.Refusal(inv, dev.Path); why != "" {
		return stop("let go of the disk and start over", "%s cannot be written to: %s", dev.Path, why)
	}
	busy, err := o.Busy(dev.Path)
	if err != nil {
		return stop("the disk may be failing: see the kernel's messages", "%s cannot be opened: %w", dev.Path, err)
	}
	if busy {
		return stop("`lsblk` and `fuser` show what uses it; let go of it and start over", "%s is in use", dev.Path)
	}
	s.Log(o.Disk.Path + " is the disk that was confirmed, and nothing uses it")
	return nil
}

func stop(hint, format string, args ...any) error {
	return sys.Faultf(sys.CodeGate, hint, format, args...)
}
