package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// AwaitOptions says which identity to wait for, and how it may arrive.
type AwaitOptions struct {
	Root string // the target's mount point
	Host string
	// Needed returns whether the host has secrets that the identity must decrypt.
	Needed func() bool
	// Fits returns an error for a key that does not decrypt them.
	Fits func(key []byte) error
	// Addresses returns this machine's addresses, for the command that sends the key.
	Addresses func() []string
	// HostKey is the file of this machine's public ssh host key, by which the sender
	// verifies it.
	HostKey string
	// Skip is a file that the operator creates to continue without an identity.
	Skip string
	// Every is how often to look for the key; 0 is 500 ms.
	Every time.Duration
}

// AwaitOps wait until the operator has put the host's identity into the target, over ssh or
// from a shell. There is no timeout, because the operator may have to fetch it first.
func AwaitOps(o AwaitOptions) []engine.Op {
	return []engine.Op{engine.Do(
		fmt.Sprintf("if the host has secrets: wait for %s/%s, and verify that it decrypts them", o.Root, dir+"/"+o.Host+".agekey"),
		o.await).Doing("installing the age identity that was sent")}
}

func (o AwaitOptions) await(ctx context.Context, s sys.System) error {
	if !o.Needed() {
		s.Log(o.Host + " has no secrets for an age identity to decrypt")
		return nil
	}
	if o.Every == 0 {
		o.Every = 500 * time.Millisecond
	}
	if err := os.Remove(o.Skip); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return sys.Incomplete(err, "removing an earlier request to continue without an age identity")
	}
	root, err := os.OpenRoot(o.Root)
	if err == nil {
		err = errors.Join(makeDir(root), root.Close())
	}
	if err != nil {
		return sys.Incomplete(err, "creating the folder of the age identity")
	}
	s.Waiting(sys.Waiting{For: "the age identity of " + o.Host, How: o.how()})
	defer s.Waiting(sys.Waiting{})
	refused := []byte(nil)
	for {
		if _, err := os.Stat(o.Skip); err == nil {
			if err := o.options(nil).remove(); err != nil {
				return err
			}
			s.Log("continuing without an age identity, as the operator asked")
			return nil
		}
		key, err := arrived(o)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && bytes.Equal(key, refused):
		case err != nil:
			return sys.Incomplete(err, "reading the age identity that was sent")
		default:
			done, err := o.take(s, key)
			if done || err != nil {
				clear(key)
				return err
			}
			clear(refused)
			refused = bytes.Clone(key)
		}
		clear(key)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(o.Every):
		}
	}
}

// take installs a key if it is the right one. A key that is still arriving is invalid at
// first, and is read again when it has grown.
func (o AwaitOptions) take(s sys.System, key []byte) (done bool, err error) {
	if bad := Check(key); bad != nil {
		s.Log("the key so far is " + bad.Error())
		return false, nil //nolint:nilerr // the rest of it, or another one, may arrive
	}
	if err := o.Fits(key); err != nil {
		s.Warn(fmt.Sprintf("the key that was sent is refused: %v; send the right one", err))
		return false, o.refuse(key)
	}
	return true, o.options(key).put(s)
}

// refuse removes a key that does not fit, so that it does not stay on the target if the
// install ends here. It does not remove a newer one that is arriving in its place.
func (o AwaitOptions) refuse(key []byte) error {
	now, err := arrived(o)
	defer clear(now)
	if err != nil || !bytes.Equal(now, key) {
		return nil // the next round reads it
	}
	return o.options(nil).remove()
}

func (o AwaitOptions) options(key []byte) Options {
	return Options{Root: o.Root, Host: o.Host, Key: key}
}

// maxKey bounds how much of a key is read, in bytes.
const maxKey = 64 << 10

// arrived reads what has arrived so far. The error is fs.ErrNotExist if nothing has.
func arrived(o AwaitOptions) ([]byte, error) {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(Options{Host: o.Host}.path())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, maxKey)
	n, _ := io.ReadFull(f, buf) // the rest is still to arrive
	return buf[:n], nil
}

// how returns what the operator can do, one line each.
func (o AwaitOptions) how() []string {
	to := filepath.Join(o.Root, dir) + "/"
	lines := []string{"Send it from the machine that has the key:"}
	addresses := o.Addresses()
	for _, a := range addresses {
		if strings.Contains(a, ":") {
			a = "[" + a + "]"
		}
		lines = append(lines, fmt.Sprintf("  scp %s.agekey root@%s:%s", o.Host, a, to))
	}
	if len(addresses) == 0 {
		lines = append(lines, "  this machine has no network address yet: plug in a cable, or use a shell to copy the file to", "  "+to+o.Host+".agekey")
	}
	if print := fingerprint(o.HostKey); print != "" && len(addresses) > 0 {
		lines = append(lines, "The ssh host key of this machine is", "  "+print)
	}
	if len(addresses) > 0 {
		lines = append(lines, "If this machine does not know your ssh key, set a root password here: run passwd in a shell.")
	}
	return append(lines, "The install continues as soon as the right key is there.")
}

// fingerprint returns a host key as ssh shows it, or an empty string.
func fingerprint(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(key)
}
