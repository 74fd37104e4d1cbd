package relabel

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// hold is a use of a device that must end while its label is written.
type hold struct {
	what    string // for the user
	release sys.Cmd
	again   *sys.Cmd // nil if systemd mounts it at its next use
	hint    string   // if the release fails
}

// holds are the uses of the devices whose labels change.
func holds(l *Layout) []hold {
	var hs []hold
	for _, c := range l.Changes() {
		switch m := l.Mount; {
		case c.Kind == FAT && m.Point != "":
			h := hold{
				what:    "the ESP",
				release: sys.Cmd{Does: "unmount the ESP", Argv: []string{"umount", m.Point}},
				hint:    "see what uses it with `fuser -vm " + m.Point + "`, and end that",
			}
			if !m.Auto {
				h.again = &sys.Cmd{Does: "mount the ESP again", Argv: []string{"mount", "-t", "vfat", "-o", m.Options, m.Device, m.Point}}
			}
			hs = append(hs, h)
		case c.Kind == Swap && l.Swap.On:
			again := sys.Cmd{Does: "switch the swap on again", Argv: []string{"swapon", c.Device}}
			if l.Swap.Priority >= 0 { // the kernel chooses negative ones
				again.Argv = slices.Insert(again.Argv, 1, "--priority", strconv.Itoa(l.Swap.Priority))
			}
			hs = append(hs, hold{
				what:    "the swap",
				release: sys.Cmd{Does: "switch the swap off", Argv: []string{"swapoff", c.Device}},
				again:   &again,
				hint:    "end programs that need much memory, and run the command again",
			})
		}
	}
	return hs
}

// end ends the use.
func (h hold) end(ctx context.Context, s sys.System) error {
	var err error
	if h.again == nil {
		err = s.Run(ctx, h.release)
	} else {
		err = s.Do(ctx, h.release, *h.again)
	}
	if err != nil {
		return sys.WithHint(err, sys.CodeGate, h.hint, h.what+" cannot be released for its label")
	}
	return nil
}

// unused refuses a device that still has a use, such as one that holds does not
// know.
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

// resume restores the uses, once the labels are set.
func resume(ctx context.Context, s sys.System, l *Layout) error {
	var errs []error
	for _, h := range holds(l) {
		if h.again == nil {
			s.Log(h.what + " is mounted again at its next use")
		} else if err := s.Run(ctx, *h.again); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return sys.WithHint(err, sys.CodeWritten, "the labels are set and proven; do that by hand, or reboot once the host is rebuilt",
			"restoring what was released")
	}
	return nil
}
