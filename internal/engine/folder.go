package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// makePrivate creates the folder of an engine's files. The next start runs the
// commands in them, so no other user may write there.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(private(filepath.Dir(dir)), private(dir))
}

// private verifies that only this user and root can write to a folder.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st := info.Sys().(*syscall.Stat_t)
	mine := st.Uid == 0 || int(st.Uid) == os.Geteuid()
	if !info.IsDir() || !mine || sys.OthersWrite(info) {
		return sys.Faultf(sys.CodeMachine, "remove it, or set XDG_RUNTIME_DIR to a folder of your own", "%s is not private to this user: mode %v, owner %d", dir, info.Mode(), st.Uid)
	}
	return nil
}

// NoFiles returns the fault of an engine that cannot create its files. A Fault
// stays as it is.
func NoFiles(err error) error {
	if _, ok := errors.AsType[*sys.Fault](err); ok {
		return err
	}
	return sys.WithHint(err, sys.CodeMachine, "make room there (check with `df -h`) and make it writable", "cannot write the log and the files beside it")
}

// takeLock makes this process the only engine of the machine until the file is closed.
func takeLock(name string) (*os.File, error) {
	f, err := HoldLock(name, os.O_CREATE)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, sys.Faultf(sys.CodeBusy, "watch it with `auto-installer follow`", "another install is running on this machine")
	}
	if err != nil {
		return nil, err
	}
	// The screens read the process id, to stop the engine.
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// HoldLock takes an exclusive lock, which the kernel releases when the file is
// closed or the process ends. The error is EWOULDBLOCK if another process has it.
func HoldLock(name string, flag int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|flag, 0o600)
	if err != nil {
		return nil, err
	}
	// A process that asks whether an engine runs takes the lock for a moment.
	for try := 0; ; try++ {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || try == 20 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
