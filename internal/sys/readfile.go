package sys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ReadRegular reads a plain file of at most limit bytes. It refuses a named pipe, a
// device or a folder, because reading one may never end.
func ReadRegular(name string, limit int64) ([]byte, error) {
	// Without O_NONBLOCK, opening a pipe waits for its writer (fifo(7)).
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	return regular(f, err, name, limit)
}

// ReadIn is ReadRegular for a file below an untrusted folder: a link that leads out of
// it is an error.
func ReadIn(dir, name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	return regular(f, err, filepath.Join(dir, name), limit)
}

// HasIn returns whether a plain file is below an untrusted folder, without a link that
// leads out of it.
func HasIn(dir, name string) bool {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false
	}
	defer root.Close()
	info, err := root.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func regular(f *os.File, err error, name string, limit int64) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a regular file")}
	}
	return atMost(f, name, limit)
}

// ReadSecret reads a secret to its end, into one buffer: it never grows, so it leaves no copy
// behind.
func ReadSecret(r io.Reader, limit int) ([]byte, error) {
	buf := make([]byte, limit+1)
	n, err := io.ReadFull(r, buf)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return buf[:n:n], nil
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty")
	}
	clear(buf)
	if err == nil {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return nil, err
}

// ReadSecretFD is ReadSecret of a descriptor. It closes the descriptor, so that no command
// inherits it.
func ReadSecretFD(fd, limit int) ([]byte, error) {
	f := os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd))
	defer f.Close()
	return ReadSecret(f, limit)
}

// ReadAtMost reads a file, or a pipe that is named like one, of at most limit bytes.
func ReadAtMost(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return atMost(f, name, limit)
}

func atMost(r io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("larger than %d KiB", limit>>10)}
	}
	return data, err
}
