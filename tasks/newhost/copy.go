package newhost

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"auto-installer/internal/sys"
)

func makeCopy(dir string) sys.Cmd {
	return sys.Cmd{Does: "make a folder for a copy of the repo", Argv: []string{"mkdir", "-m", "0700", "--", dir}, Quiet: true}
}

// fillCopy copies the repo as it is in the work tree, without ignored files, and
// writes the draft over it.
func (w *work) fillCopy(ctx context.Context, s sys.System) error {
	known, err := w.list(ctx, s, "--cached")
	if err != nil {
		return err
	}
	if w.unknown, err = w.list(ctx, s, "--others", "--exclude-standard"); err != nil {
		return err
	}
	from, err := os.OpenRoot(w.repo)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenRoot(w.copied)
	if err != nil {
		return err
	}
	defer to.Close()
	for _, name := range slices.Concat(known, w.unknown) {
		if err := copyFile(from, to, name); err != nil {
			return err
		}
	}
	// nix may read the work tree of a file that it evaluates: agenix.Evaluate
	// finds that by its .git.
	if err := to.Mkdir(".git", 0o700); err != nil {
		return err
	}
	return errors.Join(w.writeTo(w.copied), sys.GiveTree(w.copied, w.repo))
}

// list runs git ls-files.
func (w *work) list(ctx context.Context, s sys.System, which ...string) ([]string, error) {
	c := w.git("list the files", append([]string{"ls-files", "-z"}, which...)...)
	c.Quiet = true
	out, err := s.Output(ctx, c)
	if err != nil {
		return nil, sys.WithHint(err, sys.CodeUsage, "see what `git status` says", "to list the files")
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
}

// copyFile copies a file or a link. It skips what a flake does not see either: a
// folder, which is a repo of its own, and a link out of the repo.
func copyFile(from, to *os.Root, name string) error {
	info, err := from.Lstat(name)
	if errno, ok := errors.AsType[syscall.Errno](err); ok && errno != syscall.ENOENT && errno != syscall.ENOTDIR {
		return err
	}
	if err != nil || info.IsDir() {
		return nil //nolint:nilerr // deleted, or below a link out of the repo
	}
	if err := to.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		if _, err := from.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		target, err := from.Readlink(name)
		if err != nil {
			return err
		}
		return to.Symlink(target, name)
	}
	if !info.Mode().IsRegular() {
		return nil // git ignores it too
	}
	data, err := from.ReadFile(name)
	if err != nil {
		return err
	}
	return to.WriteFile(name, data, info.Mode().Perm()|0o600)
}

// forget removes from the copy the files that the flake does not see: those that
// git does not know once the draft is added.
func (w *work) forget(context.Context, sys.System) error {
	root, err := os.OpenRoot(w.copied)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Remove(".git"); err != nil {
		return err
	}
	w.unknown = slices.DeleteFunc(w.unknown, func(name string) bool {
		_, drafted := w.files[name]
		return drafted
	})
	for _, name := range w.unknown {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
		for up := filepath.Dir(name); up != "." && root.Remove(up) == nil; up = filepath.Dir(up) {
			continue // until a folder is not empty
		}
	}
	return nil
}

// writeTo writes the draft into a copy of the repo.
func (w *work) writeTo(dir string) error {
	for name, data := range w.files {
		if err := writeIn(dir, name, data); err != nil {
			return err
		}
	}
	return nil
}

// writeIn writes a file of a copy of the repo, and never through a link out of it.
func writeIn(dir, name string, data []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if err := root.WriteFile(name, data, 0o600); err != nil {
		return sys.Faultf(sys.CodeUsage, "put a plain file there, within the repo", "%s is no place to write to: %w", name, err)
	}
	return sys.GiveTree(dir, dir) // nix reads it as the copy's owner
}
