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
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	txPrefix    = "tree-"        // of the name of a transaction's folder
	planName    = "plan.json"    // nothing is changed yet
	journalName = "journal.json" // it is to be carried out to the end
)

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
		err = mkdirOwned(state)
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
		t.dir, err = os.MkdirTemp(state, txPrefix)
	}
	if err == nil {
		err = own(t.dir)
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
