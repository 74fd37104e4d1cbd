package console

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// askByte makes an ioctl with an answer of one byte. Unlike File.Fd, it leaves the
// file in its mode, blocking or not.
func askByte(f *os.File, request uint) (answer byte, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n int // the kernel sets its low byte: every architecture here is little-endian
	errControl := conn.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), request) })
	return byte(n), errors.Join(errControl, err)
}

// Show switches to virtual console n, as Ctrl+Alt+F-key does (ioctl_console(2),
// VT_ACTIVATE). It does not wait.
func Show(n int) error {
	f, err := os.OpenFile("/dev/tty0", os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return fmt.Errorf("no virtual console: %w", err)
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), vtActivate, n); err != nil {
		return fmt.Errorf("showing tty%d: %w", n, err)
	}
	return nil
}

func fdName(f *os.File) string {
	name := ""
	if conn, err := f.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { name = strconv.Itoa(int(fd)) })
	}
	return name
}
