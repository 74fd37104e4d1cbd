package savelog

import (
	"context"
	"errors"
	"fmt"
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
	Name  string // of the new folder, such as the time
	// Secrets must not be in the files, or Save saves nothing. It does not look
	// for secrets of fewer than 4 bytes.
	Secrets [][]byte
	Run     string // an existing folder for the mount point
}

// Save copies files to a place, writes them out and unmounts it. It returns the folder:
// its path from the top of the place's file system.
//
// s must have an undo list of its own: Save unwinds it. The error is a *sys.Fault,
// or the context's cause.
func Save(ctx context.Context, s sys.System, o SaveOptions) (dir string, err error) {
	// First, because a secret must stop everything.
	files, err := inspect(o)
	if err != nil {
		return "", err
	}
	at, err := os.MkdirTemp(o.Run, "save-*")
	if err != nil {
		return "", saveFault(ctx, err, o.Place)
	}
	// Not RemoveAll: if the folder is not empty, the place is still mounted.
	defer os.Remove(at)
	err = errors.Join(saveTo(ctx, s, at, files, o), s.Unwind(ctx))
	if err != nil {
		return "", saveFault(ctx, err, o.Place)
	}
	return path.Join("/", folder, o.Name), nil
}

// inspect reads the files, and refuses them if a secret is in one. Only these bytes may
// be saved: logs grow.
func inspect(o SaveOptions) (files [][]byte, err error) {
	for _, name := range o.Files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, sys.WithHint(err, sys.CodeUnexpected, "read the log in /run/auto-installer by hand", "reading the logs")
		}
		for _, secret := range o.Secrets {
			if contains(data, secret) {
				clear(data)
				return nil, sys.Faultf(sys.CodeUnexpected, "if the secret is an ordinary word that is in the log by chance, read the log in the rescue shell; otherwise this is a defect: report it, without the log",
					"%s contains a secret, so nothing is saved", filepath.Base(name))
			}
		}
		files = append(files, data)
	}
	return files, nil
}

// saveTo mounts the place and writes the files into a new folder. If that fails, it
// removes the folder. os.Root keeps links on the place from leading outside.
func saveTo(ctx context.Context, s sys.System, at string, files [][]byte, o SaveOptions) error {
	mount := sys.Cmd{
		Does: "mount the place for the logs",
		// With -w, mount fails on a write-protected device; with -o rw it would
		// mount it read-only (mount(8)).
		Argv: []string{"mount", "-w", "-t", o.Place.FSType, "-o", "nosuid,nodev,noexec", o.Place.Device, at},
	}
	if err := s.Do(ctx, mount, sys.Cmd{Does: "unmount the place for the logs", Argv: []string{"umount", at}}); err != nil {
		return err
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir := path.Join(folder, o.Name)
	if err := root.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for i, name := range o.Files {
		if err := sys.WriteIn(root, path.Join(dir, filepath.Base(name)), files[i], -1, -1); err != nil {
			return errors.Join(err, root.RemoveAll(dir))
		}
	}
	// The files are synced already; this syncs the folders.
	return s.Run(ctx, sys.Cmd{Does: "write everything out", Argv: []string{"sync", "--file-system", at}})
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
