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

// AwaitOptions says which identity is waited for, and how it may come.
type AwaitOptions struct {
	Root string // the target's mount point
	Host string
	// Needed tells whether the host has secrets that it must open.
	Needed func() bool
	// Fits tells what is wrong with a key that came, if anything is.
	Fits func(ctx context.Context, s sys.System, key []byte) error
	// Addresses are this machine's, for the command that sends the key.
	Addresses func() []string
	// HostKey is the public half of this machine's ssh host key, by which the
	// sender knows it.
	HostKey string
	// Skip is a file whose coming means: go on without.
	Skip string
	// Every is how often to look; 0 is 500 ms.
	Every time.Duration
}

// AwaitOps wait until the host's identity has been put into the target from
// outside: over ssh, or at a shell. They have no time-out: the operator may have
// to fetch it.
func AwaitOps(o AwaitOptions) []engine.Op {
	return []engine.Op{engine.Do(
		fmt.Sprintf("if the host has secrets: wait for %s/%s to be sent here, and verify that it opens them", o.Root, dir+"/"+o.Host+".agekey"),
		o.await).Doing("taking the age identity that was sent")}
}

func (o AwaitOptions) await(ctx context.Context, s sys.System) error {
	if !o.Needed() {
		s.Log(o.Host + " has no secrets that an age identity would open")
		return nil
	}
	if o.Every == 0 {
		o.Every = 500 * time.Millisecond
	}
	if err := os.Remove(o.Skip); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return sys.Incomplete(err, "forgetting an earlier wish to go on without")
	}
	if err := makeDir(o.Root); err != nil {
		return sys.Incomplete(err, "making the folder of the age identity")
	}
	s.Waiting(sys.Waiting{For: "the age identity of " + o.Host, How: o.how()})
	defer s.Waiting(sys.Waiting{})
	refused := []byte(nil)
	for {
		if _, err := os.Stat(o.Skip); err == nil {
			if err := o.options(nil).remove(); err != nil {
				return err
			}
			s.Log("going on without an age identity, as the operator wishes")
			return nil
		}
		key, err := arrived(o)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && bytes.Equal(key, refused):
		case err != nil:
			return sys.Incomplete(err, "reading the age identity that came")
		default:
			done, err := o.take(ctx, s, key)
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

// take puts a key in place if it is the right one. What is still coming in
// looks like a wrong one at first, and is looked at again when it has grown.
func (o AwaitOptions) take(ctx context.Context, s sys.System, key []byte) (done bool, err error) {
	if bad := Check(key); bad != nil {
		s.Log("what came so far is " + bad.Error())
		return false, nil //nolint:nilerr // more of it, or another, may come
	}
	if err := o.Fits(ctx, s, key); err != nil {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		s.Warn(fmt.Sprintf("the key that came is not taken: %v; send the right one", err))
		return false, o.refuse(key)
	}
	return true, o.options(key).put(s)
}

// refuse removes a key that does not fit: it must not stay on the target, not
// even if the install ends here. What is being sent in its place stays.
func (o AwaitOptions) refuse(key []byte) error {
	now, err := arrived(o)
	defer clear(now)
	if err != nil || !bytes.Equal(now, key) {
		return nil // the next look tells
	}
	return o.options(nil).remove()
}

func (o AwaitOptions) options(key []byte) Options {
	return Options{Root: o.Root, Host: o.Host, Key: key}
}

// maxKey bounds what is read of a key, in bytes.
const maxKey = 64 << 10

// arrived reads what has come so far; fs.ErrNotExist if nothing has.
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
	n, _ := io.ReadFull(f, buf) // what cannot be read is still to come
	return buf[:n], nil
}

// how is what the operator can do, a line each.
func (o AwaitOptions) how() []string {
	to := filepath.Join(o.Root, dir) + "/"
	lines := []string{"Send it from the machine that has it:"}
	addresses := o.Addresses()
	for _, a := range addresses {
		if strings.Contains(a, ":") {
			a = "[" + a + "]"
		}
		lines = append(lines, fmt.Sprintf("  scp %s.agekey root@%s:%s", o.Host, a, to))
	}
	if len(addresses) == 0 {
		lines = append(lines, "  this machine has no network address yet: plug in a cable, or copy the file at a shell to", "  "+to+o.Host+".agekey")
	}
	if print := fingerprint(o.HostKey); print != "" && len(addresses) > 0 {
		lines = append(lines, "This machine's ssh host key is", "  "+print)
	}
	if len(addresses) > 0 {
		lines = append(lines, "Where it does not know your ssh key, give root a password with passwd at a shell here.")
	}
	return append(lines, "It is taken as soon as it is there, if it is the right one.")
}

// fingerprint is how ssh shows a host key, or empty.
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
