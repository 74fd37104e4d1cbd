package worktree

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// patience is how long another holder of the lock may take: some programs lock
// a folder for a moment.
const patience = time.Second

// Lock holds the lock of the work tree at root until the file is closed. It is
// the folder itself, so there is nothing to make and no link to follow. Where the
// file system has no such locks (flock(2) on some network file systems), there is
// none: a file that another command changes is noticed by Commit.
func Lock(root string) (*os.File, error) {
	f, err := os.OpenFile(root, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return f, nil
		}
		if time.Now().After(end) {
			_ = f.Close() // nothing was written
			return nil, sys.Faultf(sys.CodeBusy, "wait until it has ended", "another command is changing %s", root)
		}
	}
}
