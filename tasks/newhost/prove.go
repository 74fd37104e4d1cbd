package newhost

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"auto-installer/internal/sys"
)

// Prove makes a copy of the repo with the drafted files. There it enters the
// host's key, re-encrypts the secrets, and has nix evaluate the installer.
func Prove(ctx context.Context, s sys.System, o Options) error {
	const hint = "nothing was changed; TMPDIR names another folder for it"
	temp, err := filepath.Abs(os.TempDir()) // the undo list may run elsewhere
	if err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, hint, "finding a place for a copy of the repo")
	}
	dir := filepath.Join(temp, "auto-installer-"+rand.Text())
	if err := s.Do(ctx, makeCopy(dir), dropCopy(dir)); err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, hint, "making a folder for a copy of the repo")
	}
	unknown, err := o.copyTo(ctx, s, dir)
	if err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, hint, "copying the repo")
	}
	changed, err := o.enter(ctx, s, dir)
	if err != nil {
		return err
	}
	if err := o.rekey(ctx, s, dir, changed); err != nil {
		return err
	}
	if unknown, err = o.forget(dir, unknown); err != nil {
		return err
	}
	if err := o.flake(ctx, s, dir, unknown); err != nil {
		return err
	}
	return s.Unwind(ctx)
}

// rekey drafts the secrets whose recipients change.
func (o Options) rekey(ctx context.Context, s sys.System, dir string, files []string) error {
	if len(files) == 0 {
		return nil
	}
	changed, err := o.Rekey(ctx, s, dir, files)
	if err != nil {
		return err
	}
	for name, data := range changed {
		if _, err := o.read(name); err != nil {
			return err
		}
		o.Draft.files[name] = draftFile{data: data}
	}
	return errors.Join(o.Draft.writeTo(dir), sys.GiveTree(dir, o.Repo))
}
