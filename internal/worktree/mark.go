package worktree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Mark makes an empty file, which says that a change is under way: the next
// start sees that what it finds is its own and unfinished. One that exists stays.
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
		return err
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
	if os.Geteuid() == 0 {
		above, err := t.root.Stat(dir)
		if err == nil {
			owner := above.Sys().(*syscall.Stat_t)
			err = f.Chown(int(owner.Uid), int(owner.Gid))
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.Close(), t.syncDir(dir))
}

// Marked tells whether a mark was left by a command that was killed. Nothing is
// read from it.
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
