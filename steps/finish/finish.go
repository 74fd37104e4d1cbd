// Package finish keeps the log on the target and lets go of the disk.
package finish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"auto-installer/internal/sys"
)

// Options says what is kept, and of what the disk is let go.
type Options struct {
	Root       string // the target's mount point
	RootDevice string
	ESP        string // the ESP's mount point
	ESPDevice  string
	Logs       []string
	// Journal is the folder on the ESP in which the install's journal is, or
	// empty.
	Journal string
}

// Dir is where the logs are kept, below the target's root. It is on the root
// file system, never on the ESP, which is not encrypted.
const Dir = "var/log/auto-installer"

// settle brings a file system to the disk and sees that it got there.
//
// umount(2) tells nobody of a write that failed, so all is written before it:
// the files by syncfs(2), and by the change to read-only what a file system
// writes last, its journal and its superblock. What of that failed is told by
// fsync(2) of the device.
func settle(name, at, device string) []sys.Cmd {
	return []sys.Cmd{
		{Does: "write out " + name, Argv: []string{"sync", "--file-system", at}},
		{Does: "make " + name + " read-only", Argv: []string{"mount", "-o", "remount,ro", device, at}},
		{Does: "see that all of " + name + " is on the disk", Argv: []string{"sync", device}},
	}
}

func settleRoot(o Options) []sys.Cmd { return settle("the root", o.Root, o.RootDevice) }

func settleESP(o Options) []sys.Cmd { return settle("the ESP", o.ESP, o.ESPDevice) }

// Actions is what Run will do.
func Actions(o Options) []sys.Action {
	as := []sys.Action{{Does: fmt.Sprintf("keep the logs in %s/%s", o.Root, Dir)}}
	as = append(as, sys.Actions(settleRoot(o)...)...)
	if o.Journal != "" {
		as = append(as, sys.Action{Does: "forget the journal: remove " + o.Journal})
	}
	as = append(as, sys.Actions(settleESP(o)...)...)
	return append(as, sys.Action{Does: "swap off, unmount and close everything"})
}

// Run keeps the logs, brings all to the disk, and takes back every mount, swap
// and mapper. A file system that cannot be written out or unmounted is a
// failure.
func Run(ctx context.Context, s sys.System, o Options) error {
	if err := KeepLogs(o); err != nil {
		return sys.Incomplete(err, "keeping the logs on the target")
	}
	if err := settled(ctx, s, settleRoot(o)); err != nil {
		return err
	}
	// Only now: until everything is proven and on the disk, a start after a
	// power cut goes on from the journal. What was proven is not touched.
	if err := forget(o.Journal); err != nil {
		return sys.Incomplete(err, "forgetting the journal")
	}
	if err := settled(ctx, s, settleESP(o)); err != nil {
		return err
	}
	if err := s.Unwind(ctx); err != nil {
		return sys.WithHint(err, sys.CodeWritten, hintUsed, "letting go of the disk")
	}
	return nil
}

const hintUsed = "something still uses the target: leave it on every console; the next start lets go of it"

// settled runs what settles a file system. It stays writable as long as a file
// is open for writing (mount(2), EBUSY).
func settled(ctx context.Context, s sys.System, cmds []sys.Cmd) error {
	for _, c := range cmds {
		run := func() error { return s.Run(ctx, c) }
		if c.Argv[0] != "mount" {
			if err := run(); err != nil {
				return sys.Incomplete(err, "to "+c.Does)
			}
		} else if err := sys.Patiently(ctx, run); err != nil {
			return sys.WithHint(err, sys.CodeWritten, hintUsed, "to "+c.Does)
		}
	}
	return nil
}

// forget removes the journal, and brings that to the disk.
func forget(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	esp, err := os.Open(path.Dir(dir))
	if err != nil {
		return err
	}
	return errors.Join(esp.Sync(), esp.Close())
}

// KeepLogs copies the logs to the target, readable by root alone.
func KeepLogs(o Options) error {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(Dir, 0o700); err != nil {
		return err
	}
	var errs []error
	for _, from := range o.Logs {
		errs = append(errs, keep(root, from, path.Join(Dir, path.Base(from))))
	}
	return errors.Join(errs...)
}

func keep(root *os.Root, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
