package savelog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// folder is the folder for logs, at the top of a place.
const folder = "auto-installer-logs"

// SaveOptions says what to save where.
type SaveOptions struct {
	Place Place
	Files []string
	// Name is the name of the new folder, such as the time. If it
	// exists, Save appends a number.
	Name string
	// Secrets must not be in the files, or Save saves nothing. It does not look
	// for secrets of fewer than 4 bytes.
	Secrets [][]byte
	Run     string // an existing folder for the mount point
}

// Save copies files to a place, and writes them out. It returns the folder: an
// absolute path if the place was mounted, otherwise the path from the top of its
// file system, because Save always unmounts what it has mounted.
//
// s must have an undo list of its own: Save unwinds it. The error is a *sys.Fault,
// or the context's cause.
func Save(ctx context.Context, s sys.System, o SaveOptions) (dir string, err error) {
	// First, because a secret must stop everything.
	sizes, err := inspect(ctx, o)
	if err != nil {
		return "", err
	}
	at := o.Place.MountedAt
	if at == "" {
		if at, err = os.MkdirTemp(o.Run, "save-*"); err != nil {
			return "", saveFault(ctx, err, o.Place)
		}
		// Not RemoveAll: if the folder is not empty, the place is still mounted.
		defer os.Remove(at)
		defer func() {
			// Even if ctx ended: nothing stays mounted.
			e := s.Unwind(context.WithoutCancel(ctx))
			switch {
			case e == nil:
			case err == nil:
				dir, err = "", saveFault(ctx, e, o.Place)
			default:
				s.Log("unmounting " + o.Place.Device + ": " + e.Error())
			}
		}()
		mount := sys.Cmd{
			Does: "mount the place for the logs",
			// With -w, mount fails on a write-protected device; with -o rw it would
			// mount it read-only (mount(8)).
			Argv: []string{"mount", "-w", "-t", o.Place.FSType, "-o", "nosuid,nodev,noexec", o.Place.Device, at},
		}
		if err := s.Do(ctx, mount, sys.Cmd{Does: "unmount the place for the logs", Argv: []string{"umount", at}}); err != nil {
			return "", saveFault(ctx, err, o.Place)
		}
	}
	inside, err := copyAll(o, at, sizes)
	if err == nil {
		// The files are synced already; this syncs the folders.
		err = s.Run(ctx, sys.Cmd{Does: "write everything out", Argv: []string{"sync", "--file-system", at}})
	}
	if err != nil {
		return "", saveFault(ctx, err, o.Place)
	}
	if o.Place.MountedAt != "" {
		return filepath.Join(at, inside), nil
	}
	return "/" + inside, nil
}

// inspect looks for secrets in the files, and returns the sizes that it read: logs
// grow, and only inspected bytes may be saved.
func inspect(ctx context.Context, o SaveOptions) (sizes []int64, err error) {
	var all [][]byte
	for _, s := range o.Secrets {
		all = append(all, forms(s)...)
	}
	defer func() {
		for _, f := range all {
			clear(f)
		}
	}()
	for _, name := range o.Files {
		n, found, err := inspectFile(name, all)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, sys.WithHint(err, sys.CodeUnexpected, "read the log in /run/auto-installer by hand", "reading the logs")
		case found:
			return nil, sys.Faultf(sys.CodeUnexpected, "if the secret is an ordinary word that is in the log by chance, read the log in the rescue shell; otherwise this is a defect: report it, without the log",
				"%s contains a secret, so nothing is saved", filepath.Base(name))
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

func inspectFile(name string, forms [][]byte) (size int64, found bool, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	return scan(f, forms)
}

// copyAll makes the folder below at and copies the files into it. If that fails,
// it removes the folder. os.Root keeps links on the place from leading outside.
func copyAll(o SaveOptions, at string, sizes []int64) (inside string, err error) {
	root, err := os.OpenRoot(at)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := root.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	inside, err = fresh(root, path.Join(folder, o.Name))
	if err != nil {
		return "", err
	}
	for i, name := range o.Files {
		if err := copyFile(root, name, path.Join(inside, filepath.Base(name)), sizes[i]); err != nil {
			return "", errors.Join(err, root.RemoveAll(inside))
		}
	}
	return inside, nil
}

// fresh makes a new folder.
func fresh(root *os.Root, name string) (string, error) {
	for i := 1; ; i++ {
		try := name
		if i > 1 {
			try = fmt.Sprintf("%s-%d", name, i)
		}
		err := root.Mkdir(try, 0o700)
		if err == nil || !errors.Is(err, fs.ErrExist) || i == 1000 {
			return try, err
		}
	}
}

func copyFile(root *os.Root, from, to string, size int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, in, size)
	return errors.Join(err, out.Sync(), out.Close())
}

func saveFault(ctx context.Context, err error, p Place) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*sys.ExitError](err); ok && strings.Contains(strings.Join(exit.Tail, " "), "write-protected") { // mount(8)
		err = fmt.Errorf("mounting it: %w", unix.EROFS)
	}
	hint := "try another stick or disk"
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		hint = "it is full: delete files on it, or choose another"
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		hint = "it is write-protected: look for a switch on the stick, or choose another"
	case errors.Is(err, unix.EIO):
		hint = "it may be broken, or was unplugged: choose another"
	}
	return sys.WithHint(err, sys.CodeUnexpected, hint, "saving the logs to "+p.Device)
}
