package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"auto-installer/internal/sys"
)

// Commit replaces the files one after the other. First it does all that can fail:
// it writes the new content beside each file, and checks that no file has changed
// since it was read. After that ctx does not stop it.
func (t *Tx) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return errors.Join(context.Cause(ctx), t.Close())
	}
	err := t.prepare()
	done := 0
	for err == nil && done < len(t.files) {
		f := t.files[done]
		step()
		if err = t.root.Rename(f.temp, f.name); err == nil {
			f.temp = ""
			done++
		}
	}
	if err == nil {
		err = t.sync()
	}
	for _, f := range t.files {
		if f.temp != "" {
			_ = t.root.Remove(f.temp) // the next start tries again
		}
	}
	if done > 0 && err != nil {
		err = &sys.Fault{
			Cause: fmt.Sprintf("%d of %d files are replaced, then: %v", done, len(t.files), err), Code: sys.CodeUnexpected,
			Hint: "mend that, and run the same command again: it replaces the others", Err: err,
		}
	}
	return errors.Join(err, t.Close())
}

// step runs before each change of the tree; tests stop there.
var step = func() {}

// prepare writes the new content, and checks that the files have not changed.
func (t *Tx) prepare() error {
	for _, f := range t.files {
		if err := t.stage(f); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for _, f := range t.files {
		now, _, err := t.now(f.name)
		if err != nil {
			return err
		}
		if now != t.seen[f.name] {
			return changed(f.name)
		}
	}
	return nil
}

// tempPrefix starts the name of a file's new content, until that is in its place.
const tempPrefix = ".auto-installer-"

// stage writes the new content of a file beside its place. What a killed command left
// there is removed.
func (t *Tx) stage(f *file) error {
	dir := filepath.Dir(f.name)
	if err := t.mkdir(dir); err != nil {
		return err
	}
	step()
	name := filepath.Join(dir, tempPrefix+filepath.Base(f.name))
	if info, err := t.root.Lstat(name); err == nil && info.Mode().IsRegular() {
		if err := t.root.Remove(name); err != nil {
			return err
		}
	}
	temp, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f.temp = name
	step()
	err = t.own(name, f.like)
	if err == nil {
		_, err = temp.Write(f.data)
	}
	if err == nil {
		err = errors.Join(temp.Chmod(f.mode), temp.Sync())
	}
	return errors.Join(err, temp.Close())
}

// mkdir makes folders that belong to the owner of the one above.
func (t *Tx) mkdir(dir string) error {
	info, err := t.root.Stat(dir)
	if err == nil && !info.IsDir() {
		return errors.New("not a folder")
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := t.mkdir(parent); err != nil {
		return err
	}
	step()
	if err := t.root.Mkdir(dir, 0o755); err != nil {
		return err
	}
	above, err := t.root.Stat(parent)
	if err != nil {
		return err
	}
	return t.own(dir, above)
}

// sync makes the renames, and the new folders, outlast a power cut.
func (t *Tx) sync() error {
	done := map[string]bool{}
	for _, f := range t.files {
		for dir := filepath.Dir(f.name); !done[dir]; dir = filepath.Dir(dir) {
			done[dir] = true
			d, err := t.root.Open(dir)
			if err != nil {
				return err
			}
			if err := errors.Join(d.Sync(), d.Close()); err != nil {
				return err
			}
		}
	}
	return nil
}
