package rekey

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/agenix"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
	"auto-installer/secrets"
)

// Request says which secrets are to be encrypted to whom their rules name.
type Request struct {
	Dir   string // where the command was run: paths of the rules are relative to it
	Rules string // agenix' secrets.nix, or JSON; empty: found in Dir, or by RULES
	Held  []*secrets.Held
	Check bool // only check that every recipient can open what the rules give it
	// Looking: nothing is to be done after all.
	Looking bool
}

// Plan reads the rules and the files' headers, and makes the plan of what
// is to be done. If that is to be run, the plan holds the lock of the repo. The
// error is an *Error.
func Plan(ctx context.Context, r Request) (*engine.Task, error) {
	p, err := r.plan(ctx)
	if err != nil {
		return nil, engine.NewError("", err)
	}
	return p, nil
}

func (r Request) plan(ctx context.Context) (*engine.Task, error) {
	r.Rules = cmp.Or(r.Rules, agenix.Find(r.Dir), "secrets.nix")
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil, err
	}
	file, err := filepath.Abs(r.Rules)
	if err != nil {
		return nil, err
	}
	list, err := agenix.Read(ctx, sys.Looking(), r.Rules)
	if err != nil {
		return nil, err
	}
	base := agenix.Base(dir, file, list)
	root, err := worktree.Root(base)
	if err != nil {
		return nil, err
	}
	var lock *os.File
	if !r.Check && !r.Looking {
		if lock, err = worktree.Lock(root); err != nil {
			return nil, err
		}
	}
	p, err := r.work(ctx, agenix.Places(dir, file), Options{
		Root: root, Dir: base, Rules: list, Held: r.Held, Names: Names(file), Record: RecordFile(),
	})
	if err != nil {
		_ = lock.Close() // nothing was written
		return nil, err
	}
	p.Shared = true
	if lock != nil {
		p.Holds = []io.Closer{lock}
	}
	return p, nil
}

func (r Request) work(ctx context.Context, places []string, o Options) (*engine.Task, error) {
	w, err := Look(ctx, o)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(w.Files, func(f *File) bool { return !f.Missing }) && len(w.Files) > 0 {
		return nil, sys.Faultf(sys.CodeUsage, "run it in the folder that the paths in the rules are relative to, or correct them",
			"none of the %d files that %s names exists; looked in %s", len(w.Files), r.Rules, strings.Join(places, ", "))
	}
	if r.Check {
		return engine.NewTask(fmt.Sprintf("checking %d secrets by %s", len(w.Files), r.Rules),
			engine.NewStep("check", "compare their stanzas with the rules", engine.Check, w.checks()...)), nil
	}
	if err := w.Replaceable(); err != nil {
		return nil, err
	}
	if !r.Looking {
		if err := w.unlock(); err != nil {
			return nil, err
		}
	}
	return engine.NewTask(fmt.Sprintf("rekeying %d secrets by %s", len(w.Files), r.Rules),
		engine.NewStep("open", "decrypt those that are to change", engine.Check, w.opens()...),
		engine.NewStep("write", "encrypt and replace them", engine.Check, w.writes()...)), nil
}

// NeedPlugin makes sure that what encrypts to a recipient is installed. The error
// is an *Error.
func NeedPlugin(r *secrets.Recipient) error {
	if program := r.MissingPlugin(); program != "" {
		return engine.NewError("", NoPlugin(program))
	}
	return nil
}
