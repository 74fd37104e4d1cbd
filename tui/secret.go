package tui

import (
	"crypto/subtle"
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// secret is an input for a passphrase. Its bytes live in one buffer that never
// moves, so that wiping it leaves no copy of ours behind.
type secret struct {
	buf  [maxSecret]byte
	n    int
	full bool // a character did not fit
}

// maxSecret is what the boot prompt takes, in bytes.
const maxSecret = 512

func (s *secret) bytes() []byte { return s.buf[:s.n] }

func (s *secret) empty() bool { return s.n == 0 }

func (s *secret) equal(o *secret) bool {
	return subtle.ConstantTimeCompare(s.bytes(), o.bytes()) == 1
}

func (s *secret) wipe() {
	clear(s.buf[:])
	s.n, s.full = 0, false
}

// runes is how many characters it holds.
func (s *secret) runes() int { return utf8.RuneCount(s.bytes()) }

// key edits; it tells whether the key was one for it.
func (s *secret) key(msg tea.KeyPressMsg) bool {
	switch msg.String() {
	case "backspace", "ctrl+h":
		if s.n == 0 {
			return true
		}
		_, size := utf8.DecodeLastRune(s.bytes())
		clear(s.buf[s.n-size : s.n])
		s.n -= size
		s.full = false
		return true
	case "ctrl+u":
		s.wipe()
		return true
	}
	if msg.Text == "" {
		return false
	}
	s.insert(msg.Text)
	return true
}

// insert appends what can be typed at a boot prompt, and nothing else.
func (s *secret) insert(text string) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
	if s.n+len(text) > len(s.buf) {
		s.full = true
		return
	}
	s.n += copy(s.buf[s.n:], text)
}

// view draws the field, w columns wide, and where its cursor is.
func (s *secret) view(w int, show bool) (string, int) {
	text := strings.Repeat("*", s.runes())
	if show {
		text = string(s.bytes())
	}
	text = tail(text, w-1)
	return pad(text, w), width(text)
}
