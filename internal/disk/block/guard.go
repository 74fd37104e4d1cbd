package block

import (
	"context"
	"slices"
	"strings"

	"auto-installer/internal/sys"
)

// Guard is the System of the steps after the gate. Each command that is given
// the disk, a partition of it or a mapper is preceded by Check, has the claim
// to its partitions let go of, and is followed by the claim. What steps do, to
// be undone later, is known as the install's own use of the disk.
func (h *Held) Guard(s sys.System) sys.System { return guard{s, h} }

type guard struct {
	sys.System
	held *Held
}

// Run implements sys.System.
func (g guard) Run(ctx context.Context, c sys.Cmd) error {
	return g.held.around(ctx, c, func() error { return g.System.Run(ctx, c) })
}

// Output implements sys.System.
func (g guard) Output(ctx context.Context, c sys.Cmd) (out []byte, err error) {
	err = g.held.around(ctx, c, func() error {
		out, err = g.System.Output(ctx, c)
		return err
	})
	return out, err
}

// Lines implements sys.System.
func (g guard) Lines(ctx context.Context, c sys.Cmd, each func(string)) error {
	return g.held.around(ctx, c, func() error { return g.System.Lines(ctx, c, each) })
}

// Do implements sys.System.
func (g guard) Do(ctx context.Context, c, undo sys.Cmd) error {
	return g.held.around(ctx, c, func() error {
		err := g.System.Do(ctx, c, undo)
		if err == nil && undo.While != "" {
			g.held.own = append(g.held.own, undo.While)
		}
		return err
	})
}

// around runs a command between a check and the claims.
func (h *Held) around(ctx context.Context, c sys.Cmd, run func() error) error {
	given, shell := h.given(c)
	if !given && !shell {
		return run()
	}
	err := h.Check()
	for _, word := range c.Argv {
		if err == nil && strings.HasPrefix(word, "/dev/mapper/") {
			err = h.fault(h.checkMapper(word))
		}
	}
	if err != nil {
		return err
	}
	for i := range h.parts {
		if p := &h.parts[i]; shell || slices.Contains(c.Argv, p.path) {
			if err := p.release(); err != nil {
				return err
			}
		}
	}
	h.wrote, h.shell = true, h.shell || shell
	if err := run(); err != nil || h.shell {
		return err
	}
	return h.fault(h.claimAll(ctx))
}

// given tells whether a command is given the disk or something of it. A shell
// may name devices in ways that cannot be seen: its commands are the host's
// own, which come when all is mounted.
func (h *Held) given(c sys.Cmd) (given, shell bool) {
	for _, word := range c.Argv {
		given = given || strings.Contains(word, h.path) || strings.HasPrefix(word, "/dev/mapper/")
	}
	return given, c.Argv[0] == "sh"
}
