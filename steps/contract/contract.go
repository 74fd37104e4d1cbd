// Package contract compares what will be created with what the host expects
// and with what is attached to the machine already.
package contract

import (
	"context"
	"strings"

	"auto-installer/steps/internal/block"
	"auto-installer/steps/internal/sys"
)

// Options says what the new disk will carry.
type Options struct {
	Disk   block.Identity // the disk to be written
	Labels []string
	// Carriers finds the other disks that carry one of the labels.
	Carriers func(inv *block.Inventory, disk block.Identity, labels []string) []string
}

// Actions is what Run will look at.
func Actions(o Options) []sys.Action {
	return []sys.Action{{Does: "look for the labels " + strings.Join(o.Labels, ", ") + " on every other disk"}}
}

// Run warns of each other disk that carries one of the labels. The install
// itself goes by disk and number and is not misled, but the installed system
// starts by label: with both disks attached it may mount the wrong one.
func Run(ctx context.Context, s sys.System, o Options) error {
	inv, err := block.Survey(ctx, s, "/")
	if err != nil {
		return err
	}
	found := o.Carriers(inv, o.Disk, o.Labels)
	for _, f := range found {
		s.Warn(f + ": unplug that disk before the new system starts, or it may start from the wrong one")
	}
	if len(found) == 0 {
		s.Log("no other disk carries the labels " + strings.Join(o.Labels, ", "))
	}
	return nil
}
