package rekey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
// is to be done. If that is to be run, the plan holds the lock of the repo.
func Plan(ctx context.Context, r Request) (*engine.Task, error) {
	r.Rules = cmp.Or(r.Rules, agenix.Find(r.Dir), "secrets.nix")
	dir, err1 := filepath.Abs(r.Dir)
	file, err2 := filepath.Abs(r.Rules)
	if err := errors.Join(err1, err2); err != nil {
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
	var holds []io.Closer
	if !r.Check && !r.Looking {
		lock, err := worktree.Lock(root)
		if err != nil {
			return nil, err
		}
		holds = append(holds, lock)
	}
	w, err := Look(ctx, Options{Root: root, Dir: base, Rules: list, Held: r.Held, Names: Names(file)})
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(w.Files, func(f *File) bool { return !f.Missing }) && len(w.Files) > 0 {
		return nil, sys.Faultf(sys.CodeUsage, "run it in the folder that the paths in the rules are relative to, or correct them",
			"none of the %d files that %s names exists; looked in %s", len(w.Files), r.Rules, strings.Join(agenix.Places(dir, file), ", "))
	}
	what := fmt.Sprintf("%d secrets by %s", len(w.Files), r.Rules)
	if r.Check {
		t := engine.NewTask("checking "+what, engine.NewStep("check", "compare their stanzas with the rules", engine.Check, w.checks()...))
		t.Shared = true
		return t, nil
	}
	if err := w.Replaceable(); err != nil {
		return nil, err
	}
	if !r.Looking {
		if err := w.unlock(); err != nil {
			return nil, err
		}
	}
	t := engine.NewTask("rekeying "+what,
		engine.NewStep("open", "decrypt those that are to change", engine.Check, w.opens()...),
		engine.NewStep("write", "encrypt and replace them", engine.Check, w.writes()...))
	t.Shared, t.Holds = true, holds
	return t, nil
}
