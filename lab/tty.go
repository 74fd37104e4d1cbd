package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Terminal is a screen and a keyboard of the machine.
type Terminal interface {
	// Screen returns the lines that it shows, without trailing blanks.
	Screen(ctx context.Context) ([]string, error)
	// Key presses a key: "enter", "esc", "up", "ctrl+c", or a character.
	Key(ctx context.Context, key string) error
	// Picture saves what it shows under a name in the machine's folder.
	Picture(ctx context.Context, name string) error
}

// VT is a virtual console of the machine, from tty1 on. Its keys come from the
// machine's keyboard, so it must be the console that is shown.
type VT struct {
	Machine *Machine
	Number  int
}

// Screen reads the text from the kernel (vcs(4)), through the agent.
func (v VT) Screen(ctx context.Context) ([]string, error) {
	// The first bytes of vcsa are the lines and columns; vcsu has four bytes a
	// character, its code point.
	head, err := v.Machine.Agent.ReadFile(ctx, fmt.Sprintf("/dev/vcsa%d", v.Number))
	if err != nil {
		return nil, err
	}
	text, err := v.Machine.Agent.ReadFile(ctx, fmt.Sprintf("/dev/vcsu%d", v.Number))
	if err != nil {
		return nil, err
	}
	if len(head) < 4 || int(head[0])*int(head[1])*4 != len(text) {
		return nil, fmt.Errorf("tty%d: %d bytes are no screen", v.Number, len(text))
	}
	w := int(head[1])
	var lines []string
	for row := range int(head[0]) {
		var b strings.Builder
		for x := range w {
			char := rune(binary.NativeEndian.Uint32(text[4*(row*w+x):]))
			if char == 0 {
				char = ' '
			}
			b.WriteRune(char)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines, nil
}

// Key presses a key of the machine's keyboard.
func (v VT) Key(ctx context.Context, key string) error {
	keys, err := held(key)
	if err != nil {
		return err
	}
	return v.Machine.Press(ctx, keys...)
}

// Picture takes a screenshot.
func (v VT) Picture(ctx context.Context, name string) error {
	_, err := v.Machine.Screenshot(ctx, name)
	return err
}

// RunOn starts the program under test on a terminal of the machine, such as tty1
// or ttyS0, as the kiosk of an installer medium does: in place of the login, and
// so that an install outlives the screens. It returns the name of the unit.
func (m *Machine) RunOn(ctx context.Context, tty, term string, args ...string) (unit string, err error) {
	// The name is unique: a unit stays as long as the install that it started.
	m.runs++
	unit = fmt.Sprintf("screens-%s-%d.service", tty, m.runs)
	getty := "getty@" + tty
	if strings.HasPrefix(tty, "ttyS") {
		getty = "serial-getty@" + tty
	}
	argv := []string{
		"systemd-run", "--quiet", "--collect", "--unit=" + unit, "--service-type=exec",
		"--property=StandardInput=tty-force", "--property=StandardOutput=inherit", "--property=StandardError=inherit",
		"--property=TTYPath=/dev/" + tty, "--property=TTYReset=yes", "--property=TTYVHangup=yes",
		"--property=Conflicts=" + getty + ".service", "--property=After=" + getty + ".service",
		"--property=KillMode=process", "--property=IgnoreSIGPIPE=no", "--property=WorkingDirectory=/root",
		"--setenv=TERM=" + term, "--setenv=HOME=/root", "--setenv=USER=root", "--setenv=SHELL=/bin/bash", "--setenv=LANG=C.UTF-8",
		"/lab/auto-installer",
	}
	// The kernel must not write over the screens.
	if _, err := m.Agent.Output(ctx, "dmesg", "--console-level", "emerg"); err != nil {
		return unit, err
	}
	_, err = m.Agent.Output(ctx, append(argv, args...)...)
	return unit, err
}

// Operator operates the screens at a terminal as a person does, by what they show.
type Operator struct {
	Terminal
	// Patience is how long the operator waits for a screen; 0 means Hung.
	Patience time.Duration
	// Pictures saves a numbered picture of every screen.
	Pictures bool

	taken int
}

// Await waits until seen accepts the screen, and returns that screen.
func (o *Operator) Await(ctx context.Context, what string, seen func(screen []string) bool) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, or(o.Patience, Hung))
	defer cancel()
	var screen []string
	// An emulated machine needs the time that reading its screen takes.
	for pause := 30 * time.Millisecond; ; pause = min(pause*3/2, time.Second) {
		now, err := o.Screen(ctx)
		switch {
		case err == nil:
			if screen = now; seen(screen) {
				return screen, nil
			}
		case ctx.Err() == nil:
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s did not come: %w; the screen was:\n%s", what, context.Cause(ctx), strings.Join(screen, "\n"))
		case <-time.After(pause):
		}
	}
}

// See waits until every text is on the screen.
func (o *Operator) See(ctx context.Context, texts ...string) ([]string, error) {
	return o.Await(ctx, fmt.Sprintf("%q", texts), func(screen []string) bool {
		for _, text := range texts {
			if !Shows(screen, text) {
				return false
			}
		}
		return true
	})
}

// Shows reports whether a text is on the screen, whatever its case and line breaks.
func Shows(screen []string, text string) bool {
	return strings.Contains(flat(strings.Join(screen, "\n")), flat(text))
}

func flat(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// Press presses keys one after the other.
func (o *Operator) Press(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := o.Key(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// Type types text.
func (o *Operator) Type(ctx context.Context, text string) error {
	return o.Press(ctx, strings.Split(text, "")...)
}

// Shot saves a picture of the screen when it stays the same.
func (o *Operator) Shot(ctx context.Context, name string) error {
	if !o.Pictures {
		return nil
	}
	if err := o.still(ctx); err != nil {
		return err
	}
	o.taken++
	return o.Picture(ctx, fmt.Sprintf("%02d-%s", o.taken, name))
}

// still waits until the screen stays the same for a moment. It gives up after ten
// looks: a clock or a spinner may go on.
func (o *Operator) still(ctx context.Context) error {
	var last []string
	for range 10 {
		now, err := o.Screen(ctx)
		if err != nil || slices.Equal(now, last) {
			return err
		}
		last = now
		time.Sleep(100 * time.Millisecond) // longer than drawing a frame takes
	}
	return nil
}
