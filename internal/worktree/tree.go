// Package worktree replaces files of a work tree. Each file is whole at any moment:
// it has its old content or its new one. A killed command has replaced some of its
// files, and the same command replaces the others. It reads no plan from the tree,
// because anybody may have put one there.
//
// Everything goes through os.Root, which follows no link out of the tree.
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
	"syscall"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// Tx prepares a change of a tree. It is for one goroutine.
type Tx struct {
	root  *os.Root
	files []*file
	seen  map[string]digest // what each file was when it was first read
}

// digest is the hash of a file's content; zero for a file that does not exist.
type digest = [sha256.Size]byte

// file is a file that gets new content.
type file struct {
	name string
	data []byte
	mode fs.FileMode
	like fs.FileInfo // the old file, or the folder above: its owner stays
	temp string      // the new content, until it is in its place
}

// Root is the work tree that dir lies in: the nearest folder above with a .git,
// or dir itself. The path is absolute and without links.
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

// Begin prepares a change of the work tree at root. The caller holds its Lock.
func Begin(root string) (*Tx, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &Tx{root: r, seen: map[string]digest{}}, nil
}

// Close drops the change. After Commit it does nothing.
func (t *Tx) Close() error {
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

// Check refuses a file that cannot be replaced.
func (t *Tx) Check(name string) error {
	name, err := rel(name)
	if err != nil {
		return err
	}
	_, err = t.plain(name)
	return err
}

// plain refuses anything but a regular file.
func (t *Tx) plain(name string) (fs.FileInfo, error) {
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, sys.WithHint(err, sys.CodeUsage, "put a plain file there, within the repo", name)
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, sys.Faultf(sys.CodeUsage, "replace it with its target, or name that file", "%s is a symbolic link", name)
	case !info.Mode().IsRegular():
		return nil, sys.Faultf(sys.CodeUsage, "put a plain file there", "%s is not a regular file", name)
	}
	return info, nil
}

// maxFile bounds a file, in bytes.
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

// now is the digest of a file as it is now.
func (t *Tx) now(name string) (digest, fs.FileInfo, error) {
	data, info, err := t.load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return digest{}, nil, nil
	}
	return sha256.Sum256(data), info, err
}

// Read reads a file. If the file changes later, Commit fails.
func (t *Tx) Read(name string) ([]byte, error) {
	name, err := rel(name)
	if err != nil {
		return nil, err
	}
	data, _, err := t.load(name)
	if err != nil {
		return nil, err
	}
	t.seen[name] = sha256.Sum256(data)
	return data, nil
}

// Write prepares a file's new content. A file keeps its mode; a new one gets 0644.
// Commit makes the change.
func (t *Tx) Write(name string, data []byte) error {
	name, err := rel(name)
	if err != nil {
		return err
	}
	f := &file{name: name, data: data, mode: 0o644}
	now, like, err := t.now(name)
	if err != nil {
		return err
	}
	if _, read := t.seen[name]; !read {
		t.seen[name] = now
	}
	f.like = like
	if f.like != nil {
		f.mode = f.like.Mode().Perm()
	} else if f.like, err = t.folderAbove(name); err != nil {
		return err
	}
	for _, other := range t.files {
		if t.same(other.name, name) {
			return sys.Faultf(sys.CodeUsage, "name it once", "%s and %s are one file, which cannot be changed twice", other.name, name)
		}
	}
	t.files = append(t.files, f)
	return nil
}

// same reports whether two paths lead to one file: a link to a folder gives it a
// second one.
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

// own gives what root makes to the owner of another file: the repo stays its
// owner's.
func (t *Tx) own(name string, like fs.FileInfo) error {
	if os.Geteuid() != 0 {
		return nil
	}
	owner := like.Sys().(*syscall.Stat_t)
	return t.root.Lchown(name, int(owner.Uid), int(owner.Gid))
}

// changed is the fault of a file that another program has changed.
func changed(name string) error {
	return sys.Faultf(sys.CodeUsage, "look at it, and run the command again; nothing was changed", "%s was changed meanwhile", name)
}
