package steps

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"

	"auto-installer/secrets"
	"auto-installer/steps/internal/rules"
	worktree "auto-installer/steps/internal/tree"
	"auto-installer/steps/rekey"
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
// is to be done. The error is an *Error.
func RekeyPlan(ctx context.Context, r Rekey) (*Plan, error) {
	r.Rules = cmp.Or(r.Rules, rules.Find(r.Dir), "secrets.nix")
	w, err := r.look(ctx)
	if err != nil {
		return nil, NewError("", err)
	}
	if r.Check {
		return task(fmt.Sprintf("checking %d secrets by %s", len(w.Files), r.Rules),
			step("check", "compare their stanzas with the rules", false, w, rekey.CheckActions, rekey.Check)), nil
	}
	if !r.Looking {
		if err := rekey.Unlock(w); err != nil {
			return nil, NewError("", err)
		}
	}
	return task(fmt.Sprintf("rekeying %d secrets by %s", len(w.Files), r.Rules),
		step("open", "decrypt those that are to change", false, w, rekey.OpenActions, rekey.Open),
		step("write", "encrypt and replace them", false, w, rekey.WriteActions, rekey.Write)), nil
}

func (r Rekey) look(ctx context.Context) (*rekey.Work, error) {
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil, err
	}
	if !r.Check && !r.Looking {
		root, err := worktree.Root(dir)
		if err != nil {
			return nil, err
		}
		if _, err := worktree.Recover(root); err != nil {
			return nil, err
		}
	}
	list, err := rules.Read(ctx, looking(), r.Rules)
	if err != nil {
		return nil, err
	}
	file, err := filepath.Abs(r.Rules)
	if err != nil {
		return nil, err
	}
	base := rules.Base(dir, file, list)
	return rekey.Look(ctx, rekey.Options{
		Dir: base, Rules: list, Held: r.Held, Names: rekey.Names(file), Record: rekey.RecordOf(base),
	})
}

// FinishTree is the hidden command that finishes a change of several files. It
// returns the exit code.
func FinishTree(journal string, stderr io.Writer) int { return worktree.Main(journal, stderr) }

// FinishTreeCommand is that command's name.
const FinishTreeCommand = worktree.Command
