package console

import (
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// askByte makes an ioctl that answers with one byte. The file stays as it is,
// blocking or not.
func askByte(f *os.File, request uintptr) (byte, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var answer [8]byte // more than is written
	var errno unix.Errno
	err = conn.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&answer)))
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return answer[0], err
}

// Show brings virtual console n to the front, as Ctrl+Alt+F-key does
// (ioctl_console(2), VT_ACTIVATE). It does not wait for it.
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
