package console

import (
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

func fdName(f *os.File) string {
	name := ""
	if conn, err := f.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { name = strconv.Itoa(int(fd)) })
	}
	return name
}
