package newhost

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
)

func add(o Options, names []string) sys.Cmd {
	return git(o, "let git, and so the flake, know them", append([]string{"add", "--"}, names...)...)
}

// Write puts the drafted files in their places, and prints what the user does next.
func Write(ctx context.Context, s sys.System, o Options) error {
	names := slices.Sorted(maps.Keys(o.Draft.files))
	if err := o.commit(ctx, names); err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, "mend that, and run the same command again", "putting the files in their places")
	}
	for _, name := range names {
		verb := "changed "
		if o.Draft.files[name].isNew {
			verb = "new     "
		}
		s.Log(verb + name)
	}
	// The files are written, so an interrupt does not keep the rest from the user.
	err := s.Run(context.WithoutCancel(ctx), add(o, names))
	if err := worktree.Unmark(o.Repo, o.in(unfinished)); err != nil {
		s.Warn("remove " + o.in(unfinished) + " by hand: " + err.Error())
	}
	if err != nil {
		return sys.Faultf(sys.CodeUnexpected, "the files are written; run `git add` by hand", "git does not add them: %w", err)
	}
	o.next(s)
	return nil
}

func (o Options) commit(ctx context.Context, names []string) error {
	tx, err := worktree.Begin(o.Repo)
	if err != nil {
		return err
	}
	for _, name := range names {
		f := o.Draft.files[name]
		if !f.isNew {
			now, err := tx.Read(name)
			if err != nil {
				return errors.Join(err, tx.Rollback())
			}
			if !bytes.Equal(now, o.Draft.before[name]) {
				return errors.Join(worktree.Changed(name), tx.Rollback())
			}
		}
		if err := tx.Write(name, f.data); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if err := worktree.Mark(o.Repo, o.in(unfinished)); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	err = tx.Commit(ctx)
	if err != nil && !errors.Is(err, worktree.ErrPartly) && !o.Draft.again {
		err = errors.Join(err, worktree.Unmark(o.Repo, o.in(unfinished)))
	}
	return err
}

func (o Options) next(s sys.System) {
	name := o.Host.TargetHost
	s.Log("")
	s.Log("INSTALLER SSH PUBLIC KEY for " + name + ":")
	s.Log(o.Draft.deployKey)
	s.Log("")
	s.Log("next:")
	if len(o.Draft.hand) > 0 {
		o.enterByHand(s)
	}
	if len(o.Draft.hand) > 0 && o.Rules != "" {
		s.Log("  auto-installer rekey")
	}
	for _, line := range o.Draft.flakeHand {
		s.Log("  add to " + line.Place + " in flake.nix:")
		for text := range strings.SplitSeq(line.Text, "\n") {
			s.Log("    " + text)
		}
	}
	s.Log("  make the public key above a deploy key of " + cmp.Or(o.Host.RepoRemote, "the config repo") +
		" and of every private input of the flake")
	verb := "Add"
	if o.Replace {
		verb = "New keys for"
	}
	s.Log(fmt.Sprintf("  git commit -m '%s %s' && git push", verb, name))
	s.Log("  auto-installer iso " + name)
}

// enterByHand prints the lines for the recipient, which only this run knows.
func (o Options) enterByHand(s sys.System) {
	for _, line := range o.Draft.hand {
		s.Log("  add to " + line.Place + ", in " + o.Draft.handFile + ":")
		s.Log("    " + line.Text)
	}
	if o.Draft.handFile == o.keysIn() && o.Rules != "" {
		s.Log("  name " + o.Host.TargetHost + " in publicKeys of each secret that it opens, unless they name all hosts")
	}
}
