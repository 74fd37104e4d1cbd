package worktree

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// patience bounds the wait for the lock: some programs lock a folder for a moment.
const patience = time.Second

// Lock locks the work tree at root until the file is closed. It locks the folder
// itself, so it makes no file and follows no link. Some network file systems have
// no such locks (flock(2)): there Commit still detects files that another command
// changes.
func Lock(root string) (*os.File, error) {
	f, err := os.OpenFile(root, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	held := func(err error) bool { return errors.Is(err, unix.EWOULDBLOCK) }
	err = sys.Patiently(context.Background(), patience, 10*time.Millisecond, held, func() error {
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	})
	if held(err) {
		_ = f.Close() // it was only opened
		return nil, sys.Faultf(sys.CodeBusy, "wait until it has ended", "another command is changing %s", root)
	}
	return f, nil
}
