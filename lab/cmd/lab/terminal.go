package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/lab"
)

const ctrlA = 0x01

// attach makes the terminal the machine's serial console until the machine is off or
// the user types Ctrl-A X. Ctrl-A A sends a Ctrl-A.
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

// demoHosts are the hosts that `lab vm` can install.
var demoHosts = []string{"demo", "demo-luks", "demo-swap", "demo-full"}

// showScreens starts the installer on the serial line once the live system is up, for
// a terminal like this one, and follows its size. When the installer ends, it starts
// the login again.
func showScreens(ctx context.Context, m *lab.Machine) {
	err := m.AwaitAgent(ctx)
	if err == nil {
		err = lab.GiveHosts(ctx, m, demoHosts...)
	}
	if err != nil {
		return // the terminal shows the machine's own messages
	}
	resize := func() {
		if ws, err := unix.IoctlGetWinsize(int(os.Stdout.Fd()), unix.TIOCGWINSZ); err == nil && ws.Row > 0 {
			_, _ = m.Agent.Output(ctx, "stty", "-F", "/dev/ttyS0", "rows", fmt.Sprint(ws.Row), "cols", fmt.Sprint(ws.Col))
		}
	}
	unit, err := m.RunOn(ctx, "ttyS0", terminalFor(ctx, m))
	if err != nil {
		fmt.Fprintf(os.Stderr, "\r\nlab: %v\r\n", err)
		return
	}
	sizes := make(chan os.Signal, 1)
	signal.Notify(sizes, syscall.SIGWINCH)
	defer signal.Stop(sizes)
	resize()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sizes:
			resize()
		case <-time.After(time.Second):
			if r, err := m.Agent.Run(ctx, nil, "systemctl", "--quiet", "is-active", unit); err != nil || r.Exit != 0 {
				_, _ = m.Agent.Output(ctx, "systemctl", "start", "serial-getty@ttyS0.service")
				return
			}
		}
	}
}

// terminalFor returns this terminal's name if the live system knows it, else a similar
// one.
func terminalFor(ctx context.Context, m *lab.Machine) string {
	name := os.Getenv("TERM")
	r, err := m.Agent.Run(ctx, nil, "sh", "-c", `ls /lib/terminfo/?/"$1" /usr/share/terminfo/?/"$1" 2>/dev/null | grep -q .`, "sh", name)
	switch {
	case name == "" || name == "dumb":
		return "vt220"
	case err != nil || r.Exit != 0:
		return "xterm-256color"
	}
	return name
}

// escaped passes input on to the machine, and returns true at Ctrl-A X. At the end of
// input it returns false, and the machine keeps running.
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

// raw sets standard input to raw mode, if it is a terminal, and returns a function
// that restores it.
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
