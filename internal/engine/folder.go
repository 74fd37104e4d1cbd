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

// The folder of an engine's files, and the lock in it.

// makePrivate makes the folder of an engine's files. What they say is carried out
// by the next start, so nobody else may have made them.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(private(filepath.Dir(dir)), private(dir))
}

// private makes sure that only this user, and root, can write to a folder.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st := info.Sys().(*syscall.Stat_t)
	mine := st.Uid == 0 || int(st.Uid) == os.Geteuid()
	if !info.IsDir() || !mine || sys.OthersWrite(info) {
		return sys.Faultf(sys.CodeMachine, "remove it, or set XDG_RUNTIME_DIR to a folder of your own", "%s is not this user's alone: %v of user %d", dir, info.Mode(), st.Uid)
	}
	return nil
}

// NoFiles is the fault of an engine that cannot have its files. One that has
// words already keeps them.
func NoFiles(err error) error {
	if _, ok := errors.AsType[*sys.Fault](err); ok {
		return err
	}
	return sys.WithHint(err, sys.CodeMachine, "see that there is room there (`df -h`) and that it can be written to", "the log and what belongs to it cannot be kept")
}

// takeLock makes this process the one engine of the machine, for as long as the
// file is open.
func takeLock(name string) (*os.File, error) {
	f, err := HoldLock(name, os.O_CREATE)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, sys.Faultf(sys.CodeBusy, "see it with `auto-installer follow`", "another install is running on this machine")
	}
	if err != nil {
		return nil, err
	}
	// The screens find the engine by it, to stop it.
	if err := errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// HoldLock holds an exclusive lock for as long as the file is open. The kernel
// drops it when the process ends, however that happens. EWOULDBLOCK: another
// process holds it.
func HoldLock(name string, flag int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|flag, 0o600)
	if err != nil {
		return nil, err
	}
	// Whoever asks whether an engine runs holds it for a moment.
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

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}
