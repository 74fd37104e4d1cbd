package relabel

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// uses are the uses of the devices whose labels change: release ends them while the
// labels are written, and resume restores them once the labels are set.
func (l *Layout) uses() (release, resume []engine.Op) {
	add := func(what, hint string, end, again sys.Cmd) {
		op := engine.RunUndone(end, again)
		if l.Mount.Auto && what == "the ESP" {
			op = engine.Run(end)
			resume = append(resume, engine.Do("", func(_ context.Context, s sys.System) error {
				s.Log("systemd mounts the ESP again at its next use")
				return nil
			}))
		} else {
			resume = append(resume, engine.Run(again).Always().
				Hint(sys.CodeWritten, "the labels are set and proven; do that by hand, or reboot once the host is rebuilt"))
		}
		release = append(release, op.Doing(what+" cannot be released for its label").Hint(sys.CodeGate, hint))
	}
	for _, c := range l.Changes() {
		switch m := l.Mount; {
		case c.Kind == FAT && m.Point != "":
			add("the ESP", "see what uses it with `fuser -vm "+m.Point+"`, and end that",
				sys.Cmd{Does: "unmount the ESP", Argv: []string{"umount", m.Point}},
				sys.Cmd{Does: "mount the ESP again", Argv: []string{"mount", "-t", "vfat", "-o", m.Options, m.Device, m.Point}})
		case c.Kind == Swap && l.Swap != nil:
			again := sys.Cmd{Does: "switch the swap on again", Argv: []string{"swapon", c.Device}}
			if l.Swap.Priority >= 0 { // the kernel chooses negative ones
				again.Argv = slices.Insert(again.Argv, 1, "--priority", strconv.Itoa(l.Swap.Priority))
			}
			add("the swap", "end programs that need much memory, and run the command again",
				sys.Cmd{Does: "switch the swap off", Argv: []string{"swapoff", c.Device}}, again)
		}
	}
	return release, resume
}

// unused refuses a device that still has a use, such as one that uses does not know.
func unused(c Label, fs string) error {
	if c.Kind != FAT && c.Kind != Swap {
		return nil
	}
	busy, err := block.Busy(filepath.Join(fs, c.Node))
	if err == nil && busy {
		err = errors.New("it is in use, perhaps in another mount namespace")
	}
	if err != nil {
		return sys.WithHint(err, sys.CodeGate, "see what uses it with `fuser -vm "+c.Device+"` and `lsns -t mnt`, and end that",
			fmt.Sprintf("the %s of %s cannot be set", c.Kind, c.Device))
	}
	return nil
}
