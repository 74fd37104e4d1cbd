package console

import (
	"os"
	"path/filepath"
	"strings"

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

// Applies reports whether a terminal is a virtual console, the only kind with a
// keymap: /dev/tty1, or /dev/console if that is one. It is false on a serial
// line, in an SSH session and in a terminal window. An empty path is the
// controlling terminal.
func Applies(tty string) bool {
	if tty == "" {
		tty = "/dev/tty"
	}
	// Non-blocking, because opening a serial line waits for its carrier.
	f, err := os.OpenFile(tty, os.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	kind, err := askByte(f, kdgkbtype)
	return err == nil && (kind == kb84 || kind == kb101)
}

// CapsLock reports whether caps lock is on, and whether that is known. It asks a
// virtual console itself. In a terminal window of this machine it reads the
// keyboards' lamps. Over SSH or a serial line the keyboard is elsewhere, and
// nothing is known.
//
// A keymap that redefines Caps Lock (CtrlL_Lock for letters beyond ASCII, as
// Debian's do) does not set the flag.
func CapsLock(f *os.File) (on, known bool) {
	if flags, err := askByte(f, kdgkbled); err == nil {
		return flags&kCapsLock != 0, true
	}
	link, err := os.Readlink(filepath.Join("/proc/self/fd", fdName(f)))
	if err != nil || !strings.HasPrefix(link, "/dev/pts/") ||
		os.Getenv("SSH_CONNECTION") != "" || os.Getenv("SSH_TTY") != "" {
		return false, false
	}
	return lamps("/")
}

// lamps reads the caps lock lamps of all keyboards (kernel:
// Documentation/leds/leds-class.rst, drivers/input/input-leds.c).
func lamps(root string) (on, known bool) {
	files, _ := filepath.Glob(filepath.Join(root, "sys/class/leds/*::capslock/brightness"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		known = true
		on = on || strings.TrimSpace(string(b)) != "0"
	}
	return on, known
}
