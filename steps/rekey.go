package steps

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/agenix"
	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
	"auto-installer/secrets"
	"auto-installer/tasks/rekey"
)

// Rekey says which secrets are to be encrypted to whom their rules name.
type Rekey struct {
	Dir   string // where the command was run: paths of the rules are relative to it
	Rules string // agenix' secrets.nix, or JSON; empty: found in Dir, or by RULES
	Held  []*secrets.Held
	Check bool // only see that all can open what the rules give them
	// Looking: nothing is to be done after all.
	Looking bool
}

// RekeyPlan reads the rules and the files' headers, and makes the plan of what
// is to be done. If that is to be run, the plan holds the lock of the repo. The
// error is an *Error.
func RekeyPlan(ctx context.Context, r Rekey) (*Plan, error) {
	p, err := r.plan(ctx)
	if err != nil {
		return nil, NewError("", err)
	}
	return p, nil
}

func (r Rekey) plan(ctx context.Context) (*Plan, error) {
	r.Rules = cmp.Or(r.Rules, agenix.Find(r.Dir), "secrets.nix")
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil, err
	}
	file, err := filepath.Abs(r.Rules)
	if err != nil {
		return nil, err
	}
	list, err := agenix.Read(ctx, looking(), r.Rules)
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
	p, err := r.work(ctx, agenix.Places(dir, file), rekey.Options{
		Root: root, Dir: base, Rules: list, Held: r.Held, Names: rekey.Names(file), Record: rekey.RecordFile(),
	})
	if err != nil {
		_ = lock.Close() // nothing was written
		return nil, err
	}
	p.lock, p.shared = lock, true
	return p, nil
}

func (r Rekey) work(ctx context.Context, places []string, o rekey.Options) (*Plan, error) {
	w, err := rekey.Look(ctx, o)
	if err != nil {
		return nil, err
	}
	if w.None() {
		return nil, fault(sys.CodeUsage, "run it in the folder that the paths in the rules are relative to, or correct them",
			"none of the %d files that %s names exists; looked in %s", len(w.Files), r.Rules, strings.Join(places, ", "))
	}
	if r.Check {
		return task(fmt.Sprintf("checking %d secrets by %s", len(w.Files), r.Rules),
			step("check", "compare their stanzas with the rules", false, w, rekey.CheckActions, rekey.Check)), nil
	}
	if err := w.Replaceable(); err != nil {
		return nil, err
	}
	if !r.Looking {
		if err := rekey.Unlock(w); err != nil {
			return nil, err
		}
	}
	return task(fmt.Sprintf("rekeying %d secrets by %s", len(w.Files), r.Rules),
		step("open", "decrypt those that are to change", false, w, rekey.OpenActions, rekey.Open),
		step("write", "encrypt and replace them", false, w, rekey.WriteActions, rekey.Write)), nil
}

// NeedPlugin makes sure that what encrypts to a recipient is installed. The error
// is an *Error.
func NeedPlugin(r *secrets.Recipient) error {
	if program := r.MissingPlugin(); program != "" {
		return NewError("", rekey.NoPlugin(program))
	}
	return nil
}
