// Package tree changes several files of a git work tree as one: a program that
// is killed at any moment leaves all of them as they were, or all as they were
// to be.
//
// New content is staged in the git folder, where git does not look and a rename
// to its place is atomic. The renames are the work of a process of its own
// (Main), which outlives the one that asked for them; should it die too, the
// next start goes on by its journal (Recover).
package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"auto-installer/steps/internal/sys"
)

// Tx is a change of a tree that is being prepared. It is not safe for use by
// several goroutines.
type Tx struct {
	root  string
	state string // folder of the lock and of all transactions
	dir   string // this one's
	lock  *os.File
	ops   []op
	seen  map[string]string // hashes of what Read returned
}

// op is what happens to one file.
type op struct {
	Path   string `json:"path"`             // below the root
	Before string `json:"before,omitempty"` // hash of its content; empty: it is not there
	After  string `json:"after,omitempty"`  // empty: it is removed
	Staged string `json:"staged,omitempty"` // name in the transaction's folder
}

// plan is the journal of a transaction.
type plan struct {
	Root string `json:"root"`
	Ops  []op   `json:"ops"`
}

const (
	planName    = "plan.json"    // nothing is changed yet
	journalName = "journal.json" // it is to be carried out to the end
)

// maxFile bounds a file of a transaction, in bytes.
const maxFile = 256 << 20

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

// Begin starts a change of the work tree at root, after it has carried out what
// a program that was killed had begun. There is one at a time: another one is
// waited for.
func Begin(root string) (*Tx, error) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	state, err := stateOf(root)
	if err == nil {
		err = os.MkdirAll(state, 0o700)
	}
	if err != nil {
		return nil, err
	}
	lock, err := takeLock(state)
	if err != nil {
		return nil, err
	}
	t := &Tx{root: root, state: state, lock: lock, seen: map[string]string{}}
	if _, err = recoverAll(root, state); err == nil {
		err = sameDevice(root, state)
	}
	if err == nil {
		t.dir, err = os.MkdirTemp(state, "tree-")
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return t, nil
}

// Recover carries out to the end what a program that was killed had begun, and
// clears away what it had only prepared. It returns how many changes there were to
// finish.
func Recover(root string) (finished int, err error) {
	root, err = filepath.EvalSymlinks(root)
	if err != nil {
		return 0, err
	}
	state, err := stateOf(root)
	if err != nil {
		return 0, err
	}
	if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	lock, err := takeLock(state)
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	defer dropState(state)
	return recoverAll(root, state)
}

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
	if os.Geteuid() == 0 { // whose repo it is stays whose it is
		s := owner.Sys().(*syscall.Stat_t)
		if err := os.Chown(staged, int(s.Uid), int(s.Gid)); err != nil {
			return err
		}
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
		if other.Path == o.Path {
			return fmt.Errorf("%s is changed twice", o.Path)
		}
	}
	t.ops = append(t.ops, o)
	return nil
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

// Rollback forgets what was staged. After Commit it does nothing.
func (t *Tx) Rollback() error {
	if t.lock == nil {
		return nil
	}
	err := errors.Join(os.RemoveAll(t.dir), t.lock.Close())
	t.lock = nil
	dropState(t.state)
	return err
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// current is the hash of a file's content, empty if it is not there.
func current(root, name string) (string, error) {
	data, err := readRegular(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return hashOf(data), nil
}

// readRegular reads a file below root, without following a link out of it.
func readRegular(root, name string) ([]byte, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	info, err := r.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, sys.Faultf(sys.CodeUsage, "put a plain file there", "%s is not a regular file", name)
	}
	f, err := r.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", name, maxFile>>20)
	}
	return data, err
}

func readPlan(file string) (*plan, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, o := range p.Ops {
		if !filepath.IsLocal(o.Path) || filepath.Base(o.Staged) != o.Staged && o.Staged != "" {
			return nil, fmt.Errorf("%s: a path that leads elsewhere", file)
		}
	}
	return p, nil
}
