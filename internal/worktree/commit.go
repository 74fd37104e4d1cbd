package worktree

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"auto-installer/internal/sys"
)

// ErrPartly marks the failure of a change when some files have their new content
// and some do not.
var ErrPartly = errors.New("some files are replaced and some are not")

// Commit replaces the files one after the other. What can fail is tried first:
// all new content is written beside its place, and no file may have changed since
// it was read. From there on ctx is not looked at.
func (t *Tx) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return errors.Join(context.Cause(ctx), t.Rollback())
	}
	err := t.prepare()
	done := 0
	for err == nil && done < len(t.files) {
		if err = t.replace(t.files[done]); err == nil {
			done++
		}
	}
	if err == nil {
		err = t.sync()
	}
	for _, f := range t.files {
		if f.temp != "" {
			_ = t.root.Remove(f.temp) // else the next start does it
		}
	}
	if done > 0 && err != nil {
		err = &sys.Fault{
			Cause: fmt.Sprintf("%d of %d files are replaced, then: %v", done, len(t.files), err), Code: sys.CodeUnexpected,
			Hint: "mend that, and run the same command again: it does what is left", Err: errors.Join(ErrPartly, err),
		}
	}
	return errors.Join(err, t.Rollback())
}

// step is called before each change of the tree; the tests stop there.
var step = func() {}

// prepare writes the new content, and looks whether the files are as they were.
func (t *Tx) prepare() error {
	if err := t.Clear(); err != nil {
		return err
	}
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
		if (now == nil) != (f.before == nil) || now != nil && *now != *f.before {
			return changed(f.name)
		}
	}
	return nil
}

// stage writes the new content of a file beside its place.
func (t *Tx) stage(f *file) error {
	dir := filepath.Dir(f.name)
	if err := t.mkdir(dir); err != nil {
		return err
	}
	step()
	name := filepath.Join(dir, tempPrefix+rand.Text())
	temp, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f.temp = name
	step()
	if os.Geteuid() == 0 { // whose repo it is stays whose it is
		owner := f.owner.Sys().(*syscall.Stat_t)
		err = temp.Chown(int(owner.Uid), int(owner.Gid))
	}
	if err == nil {
		_, err = temp.Write(f.data)
	}
	if err == nil {
		err = errors.Join(temp.Chmod(f.mode), temp.Sync())
	}
	return errors.Join(err, temp.Close())
}

func (t *Tx) replace(f *file) error {
	step()
	if err := t.root.Rename(f.temp, f.name); err != nil {
		return err
	}
	f.temp = ""
	return nil
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
	if os.Geteuid() != 0 {
		return nil
	}
	above, err := t.root.Stat(parent)
	if err != nil {
		return err
	}
	owner := above.Sys().(*syscall.Stat_t)
	return t.root.Lchown(dir, int(owner.Uid), int(owner.Gid))
}

// sync makes the renames outlast a power cut, and the folders that were made.
func (t *Tx) sync() error {
	done := map[string]bool{}
	for _, f := range t.files {
		for dir := filepath.Dir(f.name); !done[dir]; dir = filepath.Dir(dir) {
			done[dir] = true
			if err := t.syncDir(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Tx) syncDir(dir string) error {
	d, err := t.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// tempPrefix begins the name of a file that is not in its place yet.
const tempPrefix = ".auto-installer-"

// temporary is the whole name.
var temporary = regexp.MustCompile(`^` + regexp.QuoteMeta(tempPrefix) + `[A-Z2-7]{26}$`)

// Clear removes what a killed command left beside the files that are to be
// written and those called names.
func (t *Tx) Clear(names ...string) error {
	for _, f := range t.files {
		names = append(names, f.name)
	}
	done := map[string]bool{}
	for _, name := range names {
		name, err := rel(name)
		dir := filepath.Dir(name)
		if err != nil || done[dir] {
			continue
		}
		done[dir] = true
		d, err := t.root.Open(dir)
		if err != nil { // it does not exist, or leads out of the tree
			continue
		}
		entries, err := d.ReadDir(-1)
		if err := errors.Join(err, d.Close()); err != nil {
			return err
		}
		for _, e := range entries {
			if e.Type().IsRegular() && temporary.MatchString(e.Name()) {
				if err := t.root.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
		}
	}
	return nil
}
