// Package format makes the file systems and the swap signature.
package format

import (
	"context"
	"errors"

	"auto-installer/internal/sys"
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
		Does: "wait for the labels to be known", Argv: []string{"udevadm", "settle"},
	})
}

// stale hears, and so clears, what the kernel has still to tell of writes that
// failed before (fsync(2)): else mkfs or the last step would take it for its own.
func stale(o Options) sys.Cmd {
	return sys.Cmd{Does: "hear of writes that failed before", Argv: []string{"sync", o.ESP, o.Root}}
}

// hearStale forgets what is told: what counts is what is written from now on.
func hearStale(ctx context.Context, s sys.System, o Options) error {
	if err := s.Run(ctx, stale(o)); err != nil {
		if ctx.Err() != nil {
			return err
		}
		s.Log("that was before: what is there now is seen to below")
	}
	return nil
}

// Actions is what Run will do.
func Actions(o Options) []sys.Action {
	return sys.Actions(append([]sys.Cmd{stale(o)}, cmds(o)...)...)
}

// Run formats. The devices were named by disk and number, so a label that
// another disk carries too is of no consequence here.
func Run(ctx context.Context, s sys.System, o Options) error {
	if err := hearStale(ctx, s, o); err != nil {
		return err
	}
	return sys.RunAll(ctx, s, cmds(o))
}

// checks mend what a power cut left of the file systems: the ESP's dirty flag
// and lost clusters, the root's journal. The ESP is then read once more, for
// fsck.fat does not tell whether it has mended all that it found.
func checks(o Options) []sys.Cmd {
	return []sys.Cmd{
		{Does: "check the ESP", Argv: []string{"fsck.fat", "-a", o.ESP}},
		{Does: "see that the ESP is sound", Argv: []string{"fsck.fat", "-n", o.ESP}},
		{Does: "check the root", Argv: []string{"e2fsck", "-p", o.Root}},
	}
}

// mended is the exit code of fsck.fat(8) and e2fsck(8) if they found something
// and mended it.
const mended = 1

// AgainActions is what Again will do.
func AgainActions(o Options) []sys.Action {
	return sys.Actions(append([]sys.Cmd{stale(o)}, checks(o)...)...)
}

// Again keeps the file systems that an earlier Run made, and checks them. What
// can only be mended by a person is an error: on a disk that holds nothing of
// worth yet, starting over is safer.
func Again(ctx context.Context, s sys.System, o Options) error {
	if err := hearStale(ctx, s, o); err != nil {
		return err
	}
	for _, c := range checks(o) {
		err := s.Run(ctx, c)
		exit, failed := errors.AsType[*sys.ExitError](err)
		if failed && exit.Exit == mended && c.Argv[1] != "-n" {
			s.Log("found damage, and mended it")
			continue
		}
		if err != nil {
			return sys.WithHint(err, sys.CodeWritten, "start over (--start-over): the file systems are then made anew", "to "+c.Does)
		}
	}
	return nil
}
