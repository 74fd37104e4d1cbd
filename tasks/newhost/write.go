package newhost

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// writeOps put the drafted files in their places, and print what the user does next.
func (w *work) writeOps() []engine.Op {
	shown := append([]sys.Action{{Does: "put the files in their places, each as a whole"}}, w.add("…").Action())
	return []engine.Op{engine.Together(shown, w.write)}
}

func (w *work) add(names ...string) sys.Cmd {
	return w.git("let git, and so the flake, know them", append([]string{"add", "--"}, names...)...)
}

func (w *work) write(ctx context.Context, s sys.System) error {
	names := slices.Sorted(maps.Keys(w.files))
	// After a kill, --replace makes a missing definition, so that comes last.
	definition, isNew := w.files[w.in("host.toml")]
	var err error
	for _, name := range names {
		if name != w.in("host.toml") {
			err = cmp.Or(err, w.tx.Write(name, w.files[name]))
		}
	}
	if isNew {
		err = cmp.Or(err, w.tx.Write(w.in("host.toml"), definition))
	}
	if err == nil {
		err = w.tx.Commit(ctx)
	}
	if err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, "mend that, and run the same command again", "putting the files in their places")
	}
	for _, name := range names {
		verb := "new     "
		if _, there := w.before[name]; there {
			verb = "changed "
		}
		s.Log(verb + name)
	}
	// The files are written, so an interrupt does not keep the rest from the user.
	for _, name := range files { // a killed run may have left some
		if _, err := os.Lstat(filepath.Join(w.repo, w.in(name))); err == nil {
			names = append(names, w.in(name))
		}
	}
	if err := s.Run(context.WithoutCancel(ctx), w.add(names...)); err != nil {
		return sys.Faultf(sys.CodeUnexpected, "the files are written; run `git add` by hand", "git does not add them: %w", err)
	}
	w.next(s)
	return nil
}

func (w *work) next(s sys.System) {
	name := w.Host.TargetHost
	s.Log("")
	s.Log("INSTALLER SSH PUBLIC KEY for " + name + ":")
	s.Log(w.deployKey)
	s.Log("")
	s.Log("next:")
	if w.hand.Text != "" { // only this run knows the recipient
		s.Log("  add to " + w.hand.Place + ", in " + w.handFile + ":")
		s.Log("    " + w.hand.Text)
		if !w.hand.InRules && w.rules != "" {
			s.Log("  name " + name + " in publicKeys of each secret that it opens, unless they name all hosts")
		}
		if w.rules != "" {
			s.Log("  auto-installer rekey")
		}
	}
	for _, line := range w.flakeHand {
		s.Log("  add to " + line.Place + " in flake.nix:")
		for text := range strings.SplitSeq(line.Text, "\n") {
			s.Log("    " + text)
		}
	}
	s.Log("  make the public key above a deploy key of " + cmp.Or(w.Host.RepoRemote, "the config repo") +
		" and of every private input of the flake")
	verb := "Add"
	if w.Replace {
		verb = "New keys for"
	}
	s.Log(fmt.Sprintf("  git commit -m '%s %s' && git push", verb, name))
	s.Log("  auto-installer iso " + name)
}
