package worktree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Mark makes an empty file that says: a change is under way. After a kill, the next
// start recognises its own unfinished files by it.
func Mark(root, name string) error {
	t, err := Begin(root)
	if err != nil {
		return err
	}
	defer t.root.Close()
	if name, err = rel(name); err != nil {
		return err
	}
	if _, err := t.plain(name); !errors.Is(err, fs.ErrNotExist) {
		return err // a mark that exists stays
	}
	dir := filepath.Dir(name)
	if err := t.mkdir(dir); err != nil {
		return err
	}
	step()
	f, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	above, err := t.root.Stat(dir)
	if err == nil {
		err = t.own(name, above)
	}
	return errors.Join(err, f.Close(), t.syncDir(dir))
}

// Marked reports whether a killed command left a mark. It reads nothing from it.
func Marked(root, name string) bool {
	r, err := os.OpenRoot(root)
	if err != nil {
		return false
	}
	defer r.Close()
	info, err := r.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// Unmark removes a mark, and the folders above that are empty without it.
func Unmark(root, name string) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
		if info, err := r.Lstat(dir); err != nil || !info.IsDir() || r.Remove(dir) != nil {
			break
		}
	}
	return nil
}
