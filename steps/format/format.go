// Package format makes the file systems and the swap signature.
package format

import (
	"context"

	"auto-installer/steps/internal/sys"
)

// Options says which device gets which label. Swap is empty if there is none
// or it is left unformatted for random encryption.
type Options struct {
	ESP, ESPLabel   string
	Root, RootLabel string // the partition, or the opened mapper
	Swap, SwapLabel string
}

func cmds(o Options) []sys.Cmd {
	c := []sys.Cmd{
		{Does: "format the ESP", Argv: []string{"mkfs.vfat", "-F", "32", "-n", o.ESPLabel, o.ESP}},
		{Does: "format the root", Argv: []string{"mkfs.ext4", "-q", "-L", o.RootLabel, o.Root}},
	}
	if o.Swap != "" {
		c = append(c, sys.Cmd{Does: "format the swap", Argv: []string{"mkswap", "-L", o.SwapLabel, o.Swap}})
	}
	return append(c, sys.Cmd{
		Does: "wait for the labels to be known", Argv: []string{"udevadm", "settle", "--timeout=30"},
	})
}

// Actions is what Run will do.
func Actions(o Options) []sys.Action { return sys.Actions(cmds(o)...) }

// Run formats. The devices were named by disk and number, so a label that
// another disk carries too is of no consequence here.
func Run(ctx context.Context, s sys.System, o Options) error {
	return sys.RunAll(ctx, s, cmds(o))
}
