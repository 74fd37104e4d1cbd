package block

import (
	"context"
	"slices"
	"strings"

	"auto-installer/internal/sys"
)

// Guard is the System of the steps after the gate. Before a command that names
// the disk, one of its partitions or a mapper, it makes Check and releases the
// claims to those partitions; afterwards it claims them again. What a step does
// and can undo is the install's own use of the disk.
func (h *Held) Guard(s sys.System) sys.System { return guard{s, h} }

type guard struct {
	sys.System
	held *Held
}

func (g guard) Run(ctx context.Context, c sys.Cmd) error {
	return g.held.around(ctx, c, func() error { return g.System.Run(ctx, c) })
}

func (g guard) Output(ctx context.Context, c sys.Cmd) (out []byte, err error) {
	err = g.held.around(ctx, c, func() error {
		out, err = g.System.Output(ctx, c)
		return err
	})
	return out, err
}

func (g guard) Lines(ctx context.Context, c sys.Cmd, each func(string)) error {
	return g.held.around(ctx, c, func() error { return g.System.Lines(ctx, c, each) })
}

func (g guard) Do(ctx context.Context, c, undo sys.Cmd) error {
	return g.held.around(ctx, c, func() error {
		err := g.System.Do(ctx, c, undo)
		if err == nil && undo.While != "" {
			g.held.own = append(g.held.own, undo.While)
		}
		return err
	})
}

// around runs a command between Check and the claims.
func (h *Held) around(ctx context.Context, c sys.Cmd, run func() error) error {
	named, shell := h.names(c)
	if !named && !shell {
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
		if p := &h.parts[i]; p.claim != nil && (shell || slices.Contains(c.Argv, p.path)) {
			err := p.claim.Close()
			if p.claim = nil; err != nil {
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

// names reports whether a command names the disk or a part of it, and whether it
// is a shell. A shell may name devices in ways that words do not show; it runs
// the host's own commands, after everything is mounted.
func (h *Held) names(c sys.Cmd) (named, shell bool) {
	for _, word := range c.Argv {
		named = named || strings.Contains(word, h.path) || strings.HasPrefix(word, "/dev/mapper/")
	}
	return named, c.Argv[0] == "sh"
}
