// Package sshkey installs the deploy key for the target's user, so that the installed machine
// can fetch its config repo.
package sshkey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says which key goes where.
type Options struct {
	Root     string // the target's mount point
	Home     string // of the user, relative to Root
	UID, GID int
	Key      []byte // OpenSSH private key file
	GitHost  string // the git server that the key is for; empty: no ssh config
}

func (o Options) dir() string { return path.Join(o.Home, ".ssh") }

// keyName is the key's file name below ~/.ssh.
const keyName = "id_deploy"

// Ops write the key, and an ssh config that uses it for the git server only.
func Ops(o Options) []engine.Op {
	does := fmt.Sprintf("write the deploy key to %s/%s/%s and its ssh config (600, owner %d:%d, in a folder of 700)",
		o.Root, o.dir(), keyName, o.UID, o.GID)
	return []engine.Op{engine.Do(does, func(_ context.Context, s sys.System) error {
		if err := write(o); err != nil {
			return err
		}
		s.Log("deploy key written to " + path.Join(o.Root, o.dir(), keyName))
		return nil
	}).Doing("writing the deploy key")}
}

// write stays below the target's root, even if a symbolic link on the target leads out of it.
func write(o Options) error {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(path.Dir(o.Home), 0o755); err != nil {
		return err
	}
	for _, dir := range []string{path.Dir(o.dir()), o.dir()} {
		if err := own(root, dir, o); err != nil {
			return err
		}
	}
	err = sys.WriteIn(root, path.Join(o.dir(), keyName), o.Key, o.UID, o.GID)
	if o.GitHost == "" {
		return err
	}
	config := fmt.Sprintf("Host %s\n  IdentityFile ~/.ssh/%s\n  IdentitiesOnly yes\n", o.GitHost, keyName)
	return errors.Join(err, sys.WriteIn(root, path.Join(o.dir(), "config"), []byte(config), o.UID, o.GID))
}

// own creates a directory that belongs to the user, with mode 700.
func own(root *os.Root, dir string, o Options) error {
	if err := root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(root.Chmod(dir, 0o700), root.Lchown(dir, o.UID, o.GID))
}
