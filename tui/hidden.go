package tui

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// maxHidden is the most of a line that a terminal keeps before Enter, in bytes
// (termios(3), "Canonical and noncanonical mode").
const maxHidden = 4096

// ReadHidden reads a line from a terminal without echo. Ctrl+D returns io.EOF. A
// signal that ends the program restores the echo first.
func ReadHidden(tty *os.File) ([]byte, error) {
	fd := tty.Fd()
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	ch := make(chan os.Signal, 1)
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	signal.Notify(ch, signals...)
	done := make(chan struct{})
	defer close(done)
	defer signal.Stop(ch)
	go func() {
		select {
		case sig := <-ch:
			_ = term.Restore(fd, before) // the terminal may be gone
			signal.Reset(signals...)
			_ = syscall.Kill(os.Getpid(), sig.(syscall.Signal))
		case <-done:
		}
	}()
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := term.Restore(fd, &hidden); err != nil {
		return nil, err
	}
	defer func() { _ = term.Restore(fd, before) }() // as above
	return hiddenLine(int(fd))
}

// hiddenLine reads to the end of the line, into a buffer that never grows and so
// leaves no copy. The library's ReadPassword reads on after Ctrl+D.
func hiddenLine(fd int) ([]byte, error) {
	buf := make([]byte, maxHidden+1)
	for n := 0; n < len(buf); {
		got, err := unix.Read(fd, buf[n:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil && got == 0:
			err = io.EOF
		}
		if err != nil {
			clear(buf)
			return nil, err
		}
		if n += got; buf[n-1] == '\n' {
			n--
			return buf[:n:n], nil
		}
	}
	clear(buf)
	return nil, errors.New("the line is too long")
}
