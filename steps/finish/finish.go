// Package finish saves the logs on the target and unmounts it.
package finish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says what is saved and unmounted.
type Options struct {
	Root       string // the target's mount point
	RootDevice string
	ESP        string // the ESP's mount point
	ESPDevice  string
	Logs       []string
	// Journal is the journal's folder on the ESP, or empty.
	Journal string
}

// Dir is where the logs are saved, below the target's root. The ESP is not encrypted, so it
// gets none.
const Dir = "var/log/auto-installer"

const hintUsed = "a process still uses the target: leave it on every console; the next start unmounts it"

// settle writes a file system out to the disk and verifies that it succeeded.
//
// umount(2) does not report a failed write, so everything is written before it: syncfs(2)
// writes the files, and the change to read-only writes what comes last, the journal and the
// superblock. fsync(2) of the device then reports a failure.
func settle(name, at, device string) []engine.Op {
	readOnly := sys.Cmd{Does: "make " + name + " read-only", Argv: []string{"mount", "-o", "remount,ro", device, at}}
	return []engine.Op{
		engine.Run(sys.Cmd{Does: "write out " + name, Argv: []string{"sync", "--file-system", at}}),
		// mount fails with EBUSY while a file is open for writing (mount(2)).
		engine.Together(sys.Actions(readOnly), func(ctx context.Context, s sys.System) error {
			return sys.Patiently(ctx, sys.InUse, sys.InUsePause, nil, func() error { return s.Run(ctx, readOnly) })
		}).Doing("to "+readOnly.Does).Hint(sys.CodeWritten, hintUsed),
		engine.Run(sys.Cmd{Does: "verify that all of " + name + " is on the disk", Argv: []string{"sync", device}}),
	}
}

// Ops save the logs, write everything out to the disk, unmount it and close it. A file system
// that cannot be written out or unmounted is a failure.
func Ops(o Options) []engine.Op {
	ops := []engine.Op{engine.Do(fmt.Sprintf("save the logs in %s/%s", o.Root, Dir),
		func(context.Context, sys.System) error { return KeepLogs(o) }).Doing("saving the logs on the target")}
	ops = append(ops, settle("the root", o.Root, o.RootDevice)...)
	if o.Journal != "" {
		// Only now: after a power cut before this, the install resumes from the journal.
		// The files that were proven stay as they are.
		ops = append(ops, engine.Do("remove the journal, "+o.Journal, func(context.Context, sys.System) error {
			return errors.Join(os.RemoveAll(o.Journal), sys.SyncDir(path.Dir(o.Journal)))
		}).Doing("removing the journal"))
	}
	ops = append(ops, settle("the ESP", o.ESP, o.ESPDevice)...)
	return append(ops, engine.Do("swap off, unmount and close everything",
		func(ctx context.Context, s sys.System) error { return s.Unwind(ctx) }).Doing("unmounting").Hint(sys.CodeWritten, hintUsed))
}

// KeepLogs copies the logs to the target, readable by root only.
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
