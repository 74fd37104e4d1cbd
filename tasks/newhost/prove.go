package newhost

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"auto-installer/internal/agenix"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/tasks/rekey"
)

// proveOps make a copy of the repo with the drafted files. There they enter the
// host's key, re-encrypt the secrets, and have nix evaluate the installer.
func (w *work) proveOps() []engine.Op {
	var enters, rekeys string
	if file := w.keys; file != "" {
		enters = "put the recipient into " + file + " and keep every other byte, if nix says that nothing else changes"
	}
	if w.rules != "" {
		rekeys = "evaluate " + w.rules + ", and re-encrypt the secrets whose recipients change"
	}
	installers := []sys.Action{}
	if w.defines() {
		installers = []sys.Action{{Does: "add its installer to flake.nix, if that lists each"}}
	}
	if w.Evaluate {
		installers = append(installers, sys.Actions(namesOf("COPY", systemsIn), drvPath("COPY", w.Host.TargetHost+"InstallerIso"))...)
	}
	const hint = "nothing was changed; TMPDIR names another folder for it"
	return []engine.Op{
		engine.Together(sys.Actions(makeCopy("COPY")), w.makeCopy).
			Doing("making a folder for a copy of the repo").Hint(sys.CodeUnexpected, hint),
		engine.Do("copy the repo there, with the new files", w.fillCopy).
			Doing("copying the repo").Hint(sys.CodeUnexpected, hint),
		engine.Do(enters, w.enter),
		engine.Do(rekeys, w.rekey),
		engine.Do("", w.forget),
		engine.Together(installers, w.installers),
		engine.Do("", func(ctx context.Context, s sys.System) error { return s.Unwind(ctx) }),
	}
}

func (w *work) makeCopy(ctx context.Context, s sys.System) error {
	temp, err := filepath.Abs(os.TempDir()) // the undo list may run elsewhere
	if err != nil {
		return err
	}
	w.copied = filepath.Join(temp, "auto-installer-"+rand.Text())
	drop := sys.Cmd{Does: "remove the copy of the repo", Argv: []string{"rm", "-rf", "--one-file-system", "--", w.copied}, Quiet: true}
	return s.Do(ctx, makeCopy(w.copied), drop)
}

// rekey drafts the secrets whose recipients change: it encrypts them in the copy to
// whom the rules name there.
func (w *work) rekey(ctx context.Context, s sys.System) error {
	if len(w.changed) == 0 {
		return nil
	}
	file := filepath.Join(w.copied, w.rules)
	list, err := agenix.Read(ctx, s, file)
	if err != nil {
		return err
	}
	base := agenix.Base(w.copied, file, list)
	list = slices.DeleteFunc(list, func(r secrets.Rule) bool { return !slices.Contains(w.changed, r.File) })
	if err := leftOut(w.repo, filepath.Join(w.repo, w.rules), base, list); err != nil {
		return err
	}
	changed, err := rekey.Changed(ctx, s, rekey.Options{
		Root: w.copied, Dir: base, Rules: list, Held: w.Held, Names: rekey.Names(file),
	})
	if err != nil {
		return err
	}
	below, err := filepath.Rel(w.copied, base)
	if err != nil {
		return err
	}
	for name, data := range changed {
		name = filepath.Join(below, name)
		if _, err := w.read(name); err != nil {
			return err
		}
		w.files[name] = data
	}
	return errors.Join(w.writeTo(w.copied), sys.GiveTree(w.copied, w.repo))
}

// leftOut refuses secrets that are in the repo at root and not in its copy: what
// lies beyond a link out of the repo, and what git ignores.
func leftOut(root, file, base string, list []secrets.Rule) error {
	for _, r := range list {
		if _, err := os.Lstat(filepath.Join(base, r.File)); err == nil {
			continue
		}
		for _, place := range agenix.Places(root, file) {
			info, err := os.Lstat(filepath.Join(place, r.File))
			switch {
			case err != nil:
			case info.Mode()&os.ModeSymlink != 0:
				return sys.Usage("put in its place what it leads to; nothing was changed",
					"%s is a symbolic link out of the repo, and is to be re-encrypted", r.File)
			default:
				return sys.Usage("take the line that matches out of .gitignore; nothing was changed",
					"git ignores %s, and it is to be re-encrypted", r.File)
			}
		}
	}
	return nil
}
