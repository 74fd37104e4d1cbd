package agecheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"auto-installer/internal/sys"
)

// InstalledOptions says where the install has put the identity.
type InstalledOptions struct {
	Root  string // the target's mount point
	Host  string
	Owner int    // the user that must own it: 0, except in tests
	Found *Found // what it must open
}

const folder = "etc/age"

func (o InstalledOptions) file() string { return folder + "/" + o.Host + ".agekey" }

// InstalledActions is what Installed will do.
func InstalledActions(o InstalledOptions) []sys.Action {
	return []sys.Action{{Does: fmt.Sprintf("see that %s/%s is root's alone and opens every secret of the host", o.Root, o.file())}}
}

// maxKey bounds an identity file, in bytes.
const maxKey = 64 << 10

// Installed tries the identity that is on the target disk.
func Installed(ctx context.Context, s sys.System, o InstalledOptions) error {
	if !o.Found.NeedsIdentity() {
		s.Log(o.Host + " has no secrets, so it needs no age identity")
		return nil
	}
	key, err := o.read()
	if errors.Is(err, fs.ErrNotExist) {
		s.Warn(fmt.Sprintf("%s has no age identity: it cannot open its secrets until /%s is put there", o.Host, o.file()))
		return nil
	}
	if err == nil {
		err = o.Found.Fits(ctx, s, key)
		clear(key)
	}
	if err != nil {
		return sys.WithHint(err, sys.CodeBootProof,
			"put the host's identity there before it boots: a folder with mode 700, a file with mode 600, both owned by root",
			"the age identity at "+o.Root+"/"+o.file())
	}
	s.Proven(fmt.Sprintf("%s/%s opens all %d secrets of %s", o.Root, o.file(), len(o.Found.Files), o.Host))
	return nil
}

// read reads the identity. It refuses a file that other users can read, and a link
// out of the target.
func (o InstalledOptions) read() ([]byte, error) {
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
