// Package identity installs the host's age identity.
package identity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// Options says which identity goes where.
type Options struct {
	Root string // the target's mount point
	Host string
	Key  []byte // age identity file: comments and AGE-SECRET-KEY-1… lines
}

const dir = "etc/age"

func (o Options) path() string { return dir + "/" + o.Host + ".agekey" }

// Check verifies that key is an age identity file with exactly one identity. The error never
// quotes the key.
func Check(key []byte) error {
	id, err := secrets.ParseIdentity(key)
	id.Wipe()
	if err != nil && !errors.Is(err, secrets.ErrPublic) {
		err = errors.New("not an age identity file with one AGE-SECRET-KEY-1 line")
	}
	return err
}

// Ops write the identity atomically.
func Ops(o Options) []engine.Op {
	return []engine.Op{engine.Do(
		fmt.Sprintf("write the age identity to %s/%s (600, root, in a folder of 700)", o.Root, o.path()),
		func(_ context.Context, s sys.System) error { return o.put(s) }).Doing("writing the age identity")}
}

// put stays below the target's root, even if a symbolic link on the target leads out of it.
func (o Options) put(s sys.System) error {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := makeDir(root); err != nil {
		return err
	}
	if err := sys.WriteIn(root, o.path(), o.Key, -1, -1); err != nil {
		return err
	}
	s.Log("age identity written to " + o.Root + "/" + o.path())
	return nil
}

// RemoveOps remove an identity that the install does not use, and parts of one.
func RemoveOps(o Options) []engine.Op {
	return []engine.Op{engine.Do(fmt.Sprintf("remove %s/%s if it exists", o.Root, o.path()),
		func(context.Context, sys.System) error { return o.remove() }).Doing("removing an unused age identity")}
}

func (o Options) remove() error {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	for _, name := range []string{o.path(), o.path() + ".new"} {
		if gone := root.Remove(name); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return errors.Join(err, root.Close())
}

// makeDir creates the folder of identities, for root only.
func makeDir(root *os.Root) error {
	if err := root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return root.Chmod(dir, 0o700)
}
