// Package gate is the last look before the first write.
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
	// Refusal tells why a disk may not be written to now, or is empty.
	Refusal func(inv *block.Inventory, path string) string
	// Hold opens the disk exclusively, and tells what it says of itself. It is
	// (*block.Held).Take but in tests.
	Hold func(ctx context.Context, path string) (block.Facts, error)
	// Read reads here and there of the disk that is held. It is
	// (*block.Held).Sample but in tests.
	Read func(ctx context.Context) error
	Root string // where /proc, /sys and /dev are; empty is "/"
	// RunDir must have MinRun bytes for the journal and the logs: the source
	// has come there since that was looked at first. Empty: none are kept.
	RunDir string
	MinRun int64
}

// Ops open the disk exclusively, and identify it again by the open descriptor. If
// it is not the very disk that was confirmed, or something uses it by now, the
// plan stops here. They look while the disk is held, so nothing can change
// between the look and the first write.
func Ops(o Options) []engine.Op {
	ops := []engine.Op{engine.Do("open "+o.Disk.Path+" exclusively, identify it again by the open device, and verify that it can be read", o.hold)}
	if o.RunDir != "" {
		ops = append(ops, engine.Do(fmt.Sprintf("verify that %s still has %d MiB for the journal and the logs", o.RunDir, o.MinRun>>20),
			func(context.Context, sys.System) error { return o.room() }))
	}
	return ops
}

func (o Options) hold(ctx context.Context, s sys.System) error {
	facts, notHeld := o.Hold(ctx, o.Disk.Path)
	inv, err := block.Survey(ctx, s, cmp.Or(o.Root, "/"))
	if err != nil {
		return stop("`lsblk` shows what is wrong; nothing was written", "the disks cannot be looked at again: %w", err)
	}
	dev, err := inv.Find(o.Disk)
	if err != nil {
		return stop("look at the disks again, and confirm the disk once more", "the confirmed disk is not found again: %w", err)
	}
	if dev.Path != o.Disk.Path {
		return stop("look at the disks again, and confirm the disk once more", "%s is now %s", o.Disk.Path, dev.Path)
	}
	if why := o.Refusal(inv, dev.Path); why != "" {
		return stop("unmount and close what is on the disk, and start over", "%s cannot be written to: %s", dev.Path, why)
	}
	// Only now: what the survey says of a disk in use says more.
	if notHeld != nil {
		return sys.WithHint(notHeld, sys.CodeGate, "the disk may be failing: see the kernel's messages", "holding "+dev.Path)
	}
	if why := facts.Differ(dev); why != "" {
		return stop("look at the disks again, and confirm the disk once more", "%s", why)
	}
	if err := o.Read(ctx); err != nil {
		return sys.WithHint(err, sys.CodeGate, "the disk is failing, or its cable: `dmesg` says more; take another disk", dev.Path+" cannot be read")
	}
	s.Log(fmt.Sprintf("%s (device %s) is the disk that was confirmed, nothing uses it, and it is held", o.Disk.Path, facts.DevNo))
	return nil
}

// room looks for that of the journal and the logs. Without them, an install
// would fail after the first write.
func (o Options) room() error {
	free, err := sys.Free(o.RunDir)
	if err != nil {
		return sys.WithHint(err, sys.CodeMachine, "this needs a writable "+o.RunDir, o.RunDir)
	}
	if free < o.MinRun {
		return sys.Faultf(sys.CodeMachine, "add memory, or remove what fills it",
			"only %d MiB are left in %s, the journal and the logs need %d MiB", free>>20, o.RunDir, o.MinRun>>20)
	}
	return nil
}

func stop(hint, format string, args ...any) error {
	return sys.Faultf(sys.CodeGate, hint, format, args...)
}
