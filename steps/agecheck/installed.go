package agecheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"auto-installer/internal/sys"
)

// InstalledOptions says where the identity was put.
type InstalledOptions struct {
	Root  string // the target's mount point
	Host  string
	Owner int    // user that must own it: 0 but in tests
	Found *Found // what it must open
}

const folder = "etc/age"

func (o InstalledOptions) file() string { return folder + "/" + o.Host + ".agekey" }

// InstalledActions is what Installed will look at.
func InstalledActions(o InstalledOptions) []sys.Action {
	return []sys.Action{{Does: fmt.Sprintf("see that %s/%s is root's alone and opens every secret of the host", o.Root, o.file())}}
}

// maxKey bounds what is read of an identity file, in bytes.
const maxKey = 64 << 10

// Installed proves the identity from where the host will find it.
func Installed(ctx context.Context, s sys.System, o InstalledOptions) error {
	if !o.Found.NeedsIdentity() {
		s.Log(o.Host + " has no secrets that an age identity would open")
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
		return sys.WithHint(err, sys.CodeBootProof, "put the host's identity there before it starts: a folder of 700, a file of 600, both root's",
			"the age identity at "+o.Root+"/"+o.file())
	}
	s.Proven(fmt.Sprintf("%s/%s opens all %d secrets of %s", o.Root, o.file(), len(o.Found.Files), o.Host))
	return nil
}

// read reads the identity. Nobody else may be able to, and no link of the
// target's leads out of it.
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
		if fi.Mode() != m.mode || fi.Sys().(*syscall.Stat_t).Uid != uint32(o.Owner) {
			return nil, fmt.Errorf("/%s is %v of user %d", m.name, fi.Mode(), fi.Sys().(*syscall.Stat_t).Uid)
		}
	}
	f, err := root.Open(o.file())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, maxKey)
	n, err := io.ReadFull(f, buf)
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return buf[:n:n], nil
	}
	return nil, err
}
