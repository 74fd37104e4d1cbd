package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"auto-installer/lab"
)

const ctrlA = 0x01

// attach makes the terminal the machine's serial console until the machine is
// off or Ctrl-A X is typed. Ctrl-A A sends a Ctrl-A.
func attach(ctx context.Context, m *lab.Machine) error {
	restore := raw(int(os.Stdin.Fd()))
	defer restore()

	m.Console.Mirror(os.Stdout)
	quit := make(chan struct{})
	go func() {
		if escaped(m) {
			close(quit)
		}
	}()
	off := make(chan error, 1)
	go func() { off <- m.AwaitOff(ctx) }()
	select {
	case <-quit:
		fmt.Print("\r\nlab: ended by Ctrl-A X\r\n")
		return nil
	case err := <-off:
		fmt.Print("\r\nlab: the machine is off\r\n")
		return err
	}
}

// escaped passes what is typed on to the machine, and returns true at Ctrl-A X;
// at the end of input it returns false, and the machine runs on.
func escaped(m *lab.Machine) bool {
	prefix := false
	typed := make([]byte, 256)
	for {
		n, err := os.Stdin.Read(typed)
		if err != nil {
			return false
		}
		var pass []byte
		for _, key := range typed[:n] {
			switch {
			case prefix && (key == 'x' || key == 'X'):
				return true
			case key == ctrlA && !prefix:
				prefix = true
				continue
			case prefix && (key == 'a' || key == 'A'):
				key = ctrlA
			}
			prefix = false
			pass = append(pass, key)
		}
		_, _ = m.Console.Write(pass)
	}
}

// raw passes every key on as it is typed, if standard input is a terminal, and
// returns what undoes that.
func raw(fd int) (restore func()) {
	saved, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	now := *saved
	now.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	now.Oflag &^= unix.OPOST
	now.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	now.Cflag = now.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	_ = unix.IoctlSetTermios(fd, unix.TCSETS, &now)
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, saved) }
}
