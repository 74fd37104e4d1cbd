package lab

import (
	"context"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// Serial is the machine's serial line with a terminal of 80×24 at its end.
type Serial struct {
	Machine  *Machine
	terminal *serialTerminal
}

// NewSerial puts a terminal at the end of the serial line.
func NewSerial(m *Machine) *Serial {
	s := &Serial{m, newSerialTerminal(80, 24)}
	m.Console.Mirror(s.terminal)
	return s
}

// Screen returns what the terminal shows.
func (s *Serial) Screen(context.Context) ([]string, error) { return s.terminal.Screen(), nil }

// Key sends what the terminal's key sends.
func (s *Serial) Key(_ context.Context, key string) error { return s.Machine.Console.Type(sent(key)) }

// Picture writes the text to NAME.txt.
func (s *Serial) Picture(_ context.Context, name string) error {
	return s.Machine.keep(name+".txt", strings.Join(s.terminal.Screen(), "\n")+"\n")
}

// serialTerminal is x/vt's emulator with insert mode, which Bubble Tea uses on
// a vt220 and x/vt ignores.
type serialTerminal struct {
	screen *vt.SafeEmulator
	insert bool
	part   []byte // an incomplete character or escape sequence
}

func newSerialTerminal(w, h int) *serialTerminal {
	t := &serialTerminal{screen: vt.NewSafeEmulator(w, h)}
	// The emulator writes its answers to queries into a pipe; an unread pipe
	// would block Write.
	go func() { _, _ = io.Copy(io.Discard, t.screen) }()
	return t
}

// Screen returns the lines of the screen without trailing blanks.
func (t *serialTerminal) Screen() []string {
	lines := strings.Split(ansi.Strip(t.screen.Render()), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \r")
	}
	return lines
}

// Write passes whole characters and sequences on to the emulator. In insert
// mode (ECMA-48, IRM) it makes room before each character.
func (t *serialTerminal) Write(data []byte) (int, error) {
	t.part = append(t.part, data...)
	for len(t.part) > 0 && utf8.FullRune(t.part) {
		seq, columns, n, state := ansi.DecodeSequence(t.part, ansi.NormalState, nil)
		if state != ansi.NormalState {
			break // the rest of the sequence is still to come
		}
		switch string(seq) {
		case ansi.SetModeInsertReplace:
			t.insert = true
		case ansi.ResetModeInsertReplace:
			t.insert = false
		}
		if t.insert && columns > 0 {
			t.draw([]byte(ansi.InsertCharacter(columns)))
		}
		t.draw(seq)
		t.part = t.part[n:]
	}
	return len(data), nil
}

// draw passes a sequence on. x/vt v0.1.0 panics at a few that are out of range,
// such as a scroll region below the screen; draw skips those.
func (t *serialTerminal) draw(seq []byte) {
	defer func() { _ = recover() }()
	_, _ = t.screen.Write(seq) // fails only after Close
}
