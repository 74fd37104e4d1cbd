package tui

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/charmbracelet/x/term"
)

// ReadHidden reads a line from a terminal that does not show it. A signal that
// ends the program meanwhile ends it as always, but not before the terminal
// shows again what is typed.
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
	return term.ReadPassword(fd)
}
