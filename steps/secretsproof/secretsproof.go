// Package secretsproof proves that the age identity on the target disk opens the
// host's secrets.
package secretsproof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says where the install has put the identity.
type Options struct {
	Root    string // the target's mount point
	Host    string
	Owner   int     // the user that must own it: 0, except in tests
	Secrets Secrets // of the host
}

// Secrets are what the check before the gate has found.
type Secrets interface {
	NeedsIdentity() bool
	Readable() int
	Fits(key []byte) error
}

const folder = "etc/age"

func (o Options) file() string { return folder + "/" + o.Host + ".agekey" }

// maxKey bounds an identity file, in bytes.
const maxKey = 64 << 10

// Ops try the identity from its place on the target disk.
func Ops(o Options) []engine.Op {
	does := fmt.Sprintf("see that %s/%s is root's alone and opens every secret of the host", o.Root, o.file())
	return []engine.Op{engine.Do(does, o.prove).Doing("the age identity at "+path.Join(o.Root, o.file())).Hint(sys.CodeBootProof,
		"put the host's identity there before it boots: a folder with mode 700, a file with mode 600, both owned by root")}
}

func (o Options) prove(_ context.Context, s sys.System) error {
	if !o.Secrets.NeedsIdentity() {
		s.Log(o.Host + " has no secrets, so it needs no age identity")
		return nil
	}
	key, err := o.read()
	if errors.Is(err, fs.ErrNotExist) {
		s.Warn(fmt.Sprintf("%s has no age identity: it cannot open its secrets until /%s is put there", o.Host, o.file()))
		return nil
	}
	defer clear(key)
	if err == nil {
		err = o.Secrets.Fits(key)
	}
	if err == nil {
		s.Proven(fmt.Sprintf("%s/%s opens all %d secrets of %s", o.Root, o.file(), o.Secrets.Readable(), o.Host))
	}
	return err
}

// read reads the identity. It refuses a file that other users can read, and a link
// out of the target.
func (o Options) read() ([]byte, error) {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, m := range []struct {
		name string
		mode fs.FileMode
	}{{folder, fs.ModeDir | 0o700}, {o.file(), 0o600}} {
		fi, err := root.Lstat(m.name)
		if err != nil {
			return nil, err
		}
		if uid := fi.Sys().(*syscall.Stat_t).Uid; fi.Mode() != m.mode || uid != uint32(o.Owner) {
			return nil, fmt.Errorf("/%s is %v of user %d", m.name, fi.Mode(), uid)
		}
	}
	return sys.ReadIn(o.Root, o.file(), maxKey)
}
