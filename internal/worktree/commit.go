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

	"auto-installer/internal/sys"
)

// ErrPartly marks a failed change that has replaced some files and not others.
var ErrPartly = errors.New("some files are replaced and some are not")

// Commit replaces the files one after the other. First it does all that can fail:
// it writes the new content beside each file, and checks that no file has changed
// since it was read. After that ctx does not stop it.
func (t *Tx) Commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return errors.Join(context.Cause(ctx), t.Rollback())
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
			Hint: "mend that, and run the same command again: it replaces the others", Err: errors.Join(ErrPartly, err),
		}
	}
	return errors.Join(err, t.Rollback())
}

// step runs before each change of the tree; tests stop there.
var step = func() {}

// prepare writes the new content, and checks that the files have not changed.
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
			return Changed(f.name)
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

// tempPrefix starts the name of a file that is not in its place yet.
const tempPrefix = ".auto-installer-"

var temporary = regexp.MustCompile(`^` + regexp.QuoteMeta(tempPrefix) + `[A-Z2-7]{26}$`)

// Clear removes what a killed command left beside the files that get new content,
// and beside those called names.
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
