package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"auto-installer/steps/internal/sys"
)

// rel checks a path of a file below the root.
func (t *Tx) rel(name string) (string, error) {
	name = filepath.Clean(name)
	if !filepath.IsLocal(name) || name == "." || name == ".git" || strings.HasPrefix(name, ".git/") || strings.HasPrefix(name, "."+stateDir+"/") {
		return "", sys.Faultf(sys.CodeUsage, "name a file of the repo", "%s is no place for a file of %s", name, t.root)
	}
	return name, nil
}

// Read reads a file. If it changes before Commit, Commit fails.
func (t *Tx) Read(name string) ([]byte, error) {
	name, err := t.rel(name)
	if err != nil {
		return nil, err
	}
	data, err := readRegular(t.root, name)
	if err != nil {
		return nil, err
	}
	t.seen[name] = hashOf(data)
	return data, nil
}

// Write stages a file's new content. mode 0 keeps that of the file there is,
// or is 0644. Nothing is changed before Commit.
func (t *Tx) Write(name string, mode fs.FileMode, data []byte) error {
	name, err := t.rel(name)
	if err != nil {
		return err
	}
	o := op{Path: name, After: hashOf(data), Staged: strconv.Itoa(len(t.ops))}
	if o.Before, err = t.before(name); err != nil {
		return err
	}
	owner, err := t.nearest(name)
	if err != nil {
		return err
	}
	if mode == 0 {
		mode = 0o644
		if o.Before != "" {
			mode = owner.Mode().Perm()
		}
	}
	staged := filepath.Join(t.dir, o.Staged)
	if err := sys.WriteFile(staged, data, mode); err != nil {
		return err
	}
	if err := give(staged, owner); err != nil {
		return err
	}
	return t.add(o)
}

// Remove stages the removal of a file.
func (t *Tx) Remove(name string) error {
	name, err := t.rel(name)
	if err != nil {
		return err
	}
	o := op{Path: name}
	if o.Before, err = t.before(name); err != nil {
		return err
	}
	if o.Before == "" {
		return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return t.add(o)
}

func (t *Tx) add(o op) error {
	for _, other := range t.ops {
		if t.place(other.Path) == t.place(o.Path) {
			return sys.Faultf(sys.CodeUsage, "see that it is named once", "%s and %s are one file, which cannot be changed twice", other.Path, o.Path)
		}
	}
	t.ops = append(t.ops, o)
	return nil
}

// place is where a file of the tree lies, when links of folders are followed.
func (t *Tx) place(name string) string {
	full := filepath.Join(t.root, name)
	dir, err := filepath.EvalSymlinks(filepath.Dir(full))
	if err != nil { // it is not there yet
		return full
	}
	return filepath.Join(dir, filepath.Base(full))
}

// Changes tells how many files are to be changed.
func (t *Tx) Changes() int { return len(t.ops) }

// before is the hash of what Read returned, or else of what is there now.
func (t *Tx) before(name string) (string, error) {
	if h, ok := t.seen[name]; ok {
		return h, nil
	}
	return current(t.root, name)
}

// nearest is the file, or the nearest folder above that there is; it must be
// on the file system of the transaction.
func (t *Tx) nearest(name string) (fs.FileInfo, error) {
	root, err := os.OpenRoot(t.root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for at := name; ; at = filepath.Dir(at) {
		info, err := root.Stat(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if at != name && !info.IsDir() {
			return nil, fmt.Errorf("%s is not a folder", at)
		}
		return info, sameDevice(filepath.Join(t.root, at), t.dir)
	}
}
