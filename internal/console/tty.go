package console

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Requests of ioctl_console(2), from include/uapi/linux/kd.h and vt.h.
const (
	vtActivate = 0x5606 // shows the console of that number

	kdgkbtype = 0x4b33 // the keyboard's type
	kdgkbled  = 0x4b64 // the lock flags

	kb84      = 0x01
	kb101     = 0x02
	kCapsLock = 0x04 // of kdgkbled
)

// askByte makes an ioctl with an answer of one byte.
func askByte(f *os.File, request uint) (byte, error) {
	n, err := unix.IoctlGetInt(int(f.Fd()), request) // the kernel sets its low byte: every architecture here is little-endian
	return byte(n), err
}

// Applies reports whether a terminal is a virtual console, the only kind with a
// keymap: /dev/tty1, or /dev/tty or /dev/console if that is one. It is false on a
// serial line, in an SSH session and in a terminal window.
func Applies(tty string) bool {
	// Non-blocking, because opening a serial line waits for its carrier.
	f, err := os.OpenFile(tty, os.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	kind, err := askByte(f, kdgkbtype)
	return err == nil && (kind == kb84 || kind == kb101)
}

// CapsLock reports whether f is a virtual console with caps lock on.
//
// A keymap that redefines Caps Lock (CtrlL_Lock for letters beyond ASCII, as
// Debian's do) does not set the flag.
func CapsLock(f *os.File) bool {
	flags, err := askByte(f, kdgkbled)
	return err == nil && flags&kCapsLock != 0
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
