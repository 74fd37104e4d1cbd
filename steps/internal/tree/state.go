package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/steps/internal/sys"
)

const (
	stateDir = "auto-installer"
	// patience is how long another transaction may take to let go.
	patience = 10 * time.Second
)

// stateOf is the folder for transactions: in the git folder of the work tree,
// which a file .git may name (gitrepository-layout(5)), or else in the root. It may
// not be there yet.
func stateOf(root string) (string, error) {
	git := filepath.Join(root, ".git")
	info, err := os.Stat(git)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return filepath.Join(root, "."+stateDir), nil
	case err == nil && !info.IsDir():
		var data []byte
		if data, err = os.ReadFile(git); err != nil {
			break
		}
		name, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
		if !ok {
			return "", fmt.Errorf("%s names no git folder", git)
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(root, name)
		}
		git = name
	}
	if err != nil {
		return "", err
	}
	return filepath.Join(git, stateDir), nil
}

// Private is the path of a file for notes of this program's own, which git
// does not see; empty if the tree has no git folder. Neither it
// nor its folder may be there yet.
func Private(root, name string) string {
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		return ""
	}
	state, err := stateOf(root)
	if err != nil {
		return ""
	}
	return filepath.Join(state, name)
}

// WritePrivate writes a file of Private.
func WritePrivate(name string, data []byte) error {
	if err := mkdirOwned(filepath.Dir(name)); err != nil {
		return err
	}
	return writeOwned(name, data)
}

// give makes what root has made belong to whom something else does: whose repo
// it is stays whose it is.
func give(name string, like fs.FileInfo) error {
	if os.Geteuid() != 0 {
		return nil
	}
	s := like.Sys().(*syscall.Stat_t)
	return os.Lchown(name, int(s.Uid), int(s.Gid))
}

// own gives it to whom the folder above belongs.
func own(name string) error {
	above, err := os.Stat(filepath.Dir(name))
	if err != nil {
		return err
	}
	return give(name, above)
}

func mkdirOwned(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return errors.Join(err, own(dir))
}

func writeOwned(name string, data []byte) error {
	return errors.Join(sys.WriteFile(name, data, 0o600), own(name))
}

// takeLock holds the lock for as long as the file is open, here and in the
// process that finishes.
func takeLock(state string) (*os.File, error) {
	name := filepath.Join(state, "lock")
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, fs.ErrPermission) {
			return nil, sys.WithHint(err, sys.CodeMachine, "it is another user's, perhaps root's: `sudo chown -R $USER "+state+"`", "changing files of the repo")
		}
		if err == nil {
			err = own(name)
		}
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && isAt(f, name) {
			return f, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, sys.Faultf(sys.CodeBusy, "wait until it has ended", "another command is changing the files of this repo")
		}
	}
}

// isAt tells whether a file is still what its name stands for: who held the
// lock before may have removed it.
func isAt(f *os.File, name string) bool {
	a, err1 := f.Stat()
	b, err2 := os.Stat(name)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

// sameDevice makes sure that a rename from state to a place below root can be
// atomic.
func sameDevice(dir, state string) error {
	a, err := os.Stat(dir)
	if err != nil {
		return err
	}
	b, err := os.Stat(state)
	if err != nil {
		return err
	}
	if a.Sys().(*syscall.Stat_t).Dev != b.Sys().(*syscall.Stat_t).Dev {
		return sys.Faultf(sys.CodeUsage, "use a clone that is on one file system with its .git folder",
			"%s and %s are on different file systems: files could not be replaced all at once", dir, state)
	}
	return nil
}

// dropState removes the folder of a tree without git, if nothing is in it but
// the lock.
func dropState(state string) {
	if filepath.Base(state) != "."+stateDir {
		return
	}
	if entries, err := os.ReadDir(state); err == nil && len(entries) == 1 {
		os.Remove(filepath.Join(state, "lock"))
		os.Remove(state)
	}
}
