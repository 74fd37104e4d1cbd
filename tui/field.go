package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// field is an input line, secret or not. Its bytes are in one buffer that never
// moves, so wiping it leaves no copy. bubbles' textinput keeps a string, which
// cannot be wiped, and starts clipboard programs.
type field struct {
	buf  [maxField]byte
	n    int
	full bool // a character did not fit

	byHand bool // takes no pasted text
	pasted bool // some was pasted
}

// maxField is how many bytes the boot prompt takes.
const maxField = 512

func (f *field) bytes() []byte { return f.buf[:f.n] }

// text is a copy that cannot be wiped: only for what is no secret.
func (f *field) text() string { return string(f.bytes()) }

func (f *field) empty() bool { return f.n == 0 }

func (f *field) wipe() {
	clear(f.buf[:])
	f.n, f.full, f.pasted = 0, false, false
}

// key edits the field, and reports whether the key was one for it.
func (f *field) key(msg tea.KeyPressMsg) bool {
	switch {
	case msg.String() == "backspace", msg.String() == "ctrl+h":
		_, size := utf8.DecodeLastRune(f.bytes())
		clear(f.buf[f.n-size : f.n])
		f.n -= size
		f.full, f.pasted = false, false
	case keyErase.is(msg):
		f.wipe()
	case msg.Text == "":
		return false
	default:
		f.insert(msg.Text)
	}
	return true
}

// insert appends the characters that can be typed at a boot prompt.
func (f *field) insert(text string) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
	// Some terminals send pasted text as one key.
	if f.pasted = f.byHand && utf8.RuneCountInString(text) > 1; f.pasted {
		return
	}
	if f.n+len(text) > len(f.buf) {
		f.full = true
		return
	}
	f.n += copy(f.buf[f.n:], text)
}

// view draws the field w columns wide, and returns the cursor's column.
func (f *field) view(w int, show bool) (string, int) {
	text := strings.Repeat("*", utf8.RuneCount(f.bytes()))
	if show {
		text = f.text()
	}
	text = tail(text, w-1)
	return pad(text, w), width(text)
}
