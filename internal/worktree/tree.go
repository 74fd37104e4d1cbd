// Package worktree replaces files of a work tree. Each file is whole at any moment:
// its old content or its new one. A command that is killed has replaced some of
// its files and not the others, and finishes when it is run again: nothing that
// lies in the tree says how, because anybody may have put it there.
//
// Everything goes through os.Root: no link is followed out of the tree.
package worktree

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// Tx is a change of a tree that is being prepared. It is not safe for use by
// several goroutines.
type Tx struct {
	root  *os.Root
	files []*file
	seen  map[string]*digest // what Read returned
}

// digest is the hash of a file's content; nil for a file that does not exist.
type digest [sha256.Size]byte

// file is a file that gets new content.
type file struct {
	name   string
	data   []byte
	before *digest
	mode   fs.FileMode
	owner  fs.FileInfo // whose it will be: the old file, or the folder above
	temp   string      // the new content, while it is not in its place
}

// Root is the work tree that dir lies in: the nearest folder above with a .git,
// or dir itself if there is none. The path is absolute and without links.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return dir, nil
		}
	}
}

// Begin prepares a change of the work tree at root. Who changes a tree holds its
// lock, see Lock.
func Begin(root string) (*Tx, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &Tx{root: r, seen: map[string]*digest{}}, nil
}

// Rollback forgets what was prepared. After Commit it does nothing.
func (t *Tx) Rollback() error {
	t.files = nil
	return t.root.Close()
}

// rel checks a path of a file below the root.
func rel(name string) (string, error) {
	clean := filepath.Clean(name)
	ours := filepath.IsLocal(clean) && clean != "."
	for part := range strings.SplitSeq(clean, "/") {
		ours = ours && !strings.EqualFold(part, ".git")
	}
	if !ours {
		return "", sys.Faultf(sys.CodeUsage, "name a file of the repo", "%s is outside of the repo, or in its git folder", name)
	}
	return clean, nil
}

// Check makes sure that a file can be replaced: a plain file within the tree.
func (t *Tx) Check(name string) error {
	name, err := rel(name)
	if err != nil {
		return err
	}
	_, err = t.plain(name)
	return err
}

// plain is a plain file; a link in its place is refused.
func (t *Tx) plain(name string) (fs.FileInfo, error) {
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, sys.WithHint(err, sys.CodeUsage, "put a plain file there, within the repo", name)
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, sys.Faultf(sys.CodeUsage, "put in its place what it leads to, or name that file instead", "%s is a symbolic link", name)
	case !info.Mode().IsRegular():
		return nil, sys.Faultf(sys.CodeUsage, "put a plain file there", "%s is not a regular file", name)
	}
	return info, nil
}

// maxFile bounds a file that is read, in bytes.
const maxFile = 256 << 20

// load reads a plain file.
func (t *Tx) load(name string) ([]byte, fs.FileInfo, error) {
	info, err := t.plain(name)
	if err != nil {
		return nil, nil, err
	}
	// Without O_NONBLOCK, opening a pipe waits for its writer (fifo(7)).
	f, err := t.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		return nil, nil, errors.Join(changed(name), err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	return data, info, err
}

// now is what a file has, nil if it does not exist.
func (t *Tx) now(name string) (*digest, fs.FileInfo, error) {
	data, info, err := t.load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	c := digest(sha256.Sum256(data))
	return &c, info, nil
}

// Read reads a file. If it changes before Commit, Commit fails.
func (t *Tx) Read(name string) ([]byte, error) {
	name, err := rel(name)
	if err != nil {
		return nil, err
	}
	data, _, err := t.load(name)
	if err != nil {
		return nil, err
	}
	c := digest(sha256.Sum256(data))
	t.seen[name] = &c
	return data, nil
}

// Write prepares a file's new content. Mode 0 keeps that of the file that
// exists, or is 0644. Nothing is changed before Commit.
func (t *Tx) Write(name string, mode fs.FileMode, data []byte) error {
	name, err := rel(name)
	if err != nil {
		return err
	}
	f := &file{name: name, data: data, mode: mode}
	if f.before, f.owner, err = t.now(name); err != nil {
		return err
	}
	if f.mode == 0 {
		f.mode = 0o644
		if f.owner != nil {
			f.mode = f.owner.Mode().Perm()
		}
	}
	if read, ok := t.seen[name]; ok {
		f.before = read
	}
	if f.owner == nil {
		if f.owner, err = t.folderAbove(name); err != nil {
			return err
		}
	}
	for _, other := range t.files {
		if t.same(other.name, name) {
			return sys.Faultf(sys.CodeUsage, "name it once", "%s and %s are one file, which cannot be changed twice", other.name, name)
		}
	}
	t.files = append(t.files, f)
	return nil
}

// same tells whether two paths are of one file: links to folders may lead to it
// by another name.
func (t *Tx) same(a, b string) bool {
	if a == b || filepath.Base(a) != filepath.Base(b) {
		return a == b
	}
	x, err1 := t.root.Stat(filepath.Dir(a))
	y, err2 := t.root.Stat(filepath.Dir(b))
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// folderAbove is the nearest folder above a file that exists.
func (t *Tx) folderAbove(name string) (fs.FileInfo, error) {
	for at := filepath.Dir(name); ; at = filepath.Dir(at) {
		info, err := t.root.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && at != ".":
			continue
		case err != nil:
			return nil, err
		case !info.IsDir():
			return nil, fmt.Errorf("%s is not a folder", at)
		}
		return info, nil
	}
}

// Changes is how many files get new content.
func (t *Tx) Changes() int { return len(t.files) }

// changed is the error of a file that somebody else has changed.
func changed(name string) error {
	return sys.Faultf(sys.CodeUsage, "look at it, and run the command again; nothing was changed", "%s was changed meanwhile", name)
}
