package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"auto-installer/steps"
)

// The glyphs of the screens. The kernel's 8×16 console font has all of them; it
// lacks rounded corners, check marks, ellipses and braille.
const (
	glyphCursor = "►"
	glyphDone   = "√"
	glyphBad    = "x"
	glyphSmall  = "·"
	glyphRight  = "→"
	glyphUp     = "↑"
	glyphDown   = "↓"
	glyphFull   = "█"
	glyphDark   = "▓"
	glyphMid    = "▒"
	glyphLight  = "░"
	glyphLine   = "─"
	glyphCut    = ".." // an ellipsis
)

// drawable reports whether the console's font has a rune: printable ASCII and a
// few others.
func drawable(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r < 0x7f
	}
	switch r {
	case '─', '│', '┌', '┐', '└', '┘', '├', '┤', '═', '║', '╔', '╗', '╚', '╝',
		'█', '▓', '▒', '░', '▀', '▄', '■',
		'√', '•', '·', '»', '←', '→', '↑', '↓', '►':
		return true
	}
	return false
}

// sgr is the length of the colour sequence that s starts with, or 0.
func sgr(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	for i := 2; i < len(s); i++ {
		switch b := s[i]; {
		case b == 'm':
			return i + 1
		case b != ';' && (b < '0' || b > '9'):
			return 0
		}
	}
	return 0
}

// easy measures the start of s that is drawable or a colour sequence, in bytes
// and in columns. Nearly every line of a frame is that and nothing else.
func easy(s string) (size, columns int) {
	for size < len(s) {
		if b := s[size]; b >= ' ' && b < 0x7f {
			size++
			columns++
			continue
		} else if b == '\x1b' {
			n := sgr(s[size:])
			if n == 0 {
				return size, columns
			}
			size += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[size:])
		if !drawable(r) {
			return size, columns
		}
		size += n
		columns++
	}
	return size, columns
}

// shown makes a line safe for the terminal: of its control sequences only
// colours are left. On a console, a character that the font lacks becomes as many
// ? as the columns that width counts for it.
func shown(s string, console bool) string {
	n, _ := easy(s)
	if n == len(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		b.WriteString(s[:n])
		s = s[n:]
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case size == 0:
		case r == '\x1b':
			_, _, size, _ = ansi.DecodeSequence(s, 0, nil)
		case r == utf8.RuneError && size == 1:
			b.WriteByte('?')
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
		case console:
			b.WriteString(strings.Repeat("?", ansi.StringWidth(s[:size])))
		default:
			b.WriteString(s[:size])
		}
		s = s[max(size, min(1, len(s))):]
		n, _ = easy(s)
	}
	return b.String()
}

// clean makes one line of plain text from untrusted text, such as a disk's model
// or a line of a log.
func clean(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return steps.CleanText(strings.ReplaceAll(s, "\n", " "))
		}
	}
	return s
}

// width is the number of columns that a line fills.
func width(s string) int {
	if n, columns := easy(s); n == len(s) {
		return columns
	}
	return ansi.StringWidth(s)
}

// cut shortens text to w columns, and marks that it did.
func cut(s string, w int) string {
	if w <= 0 {
		return ""
	}
	if width(s) <= w {
		return s
	}
	if w <= len(glyphCut) {
		return ansi.Truncate(s, w, "")
	}
	return ansi.Truncate(s, w, glyphCut)
}

func blanks(n int) string { return strings.Repeat(" ", max(0, n)) }

// pad fills text with blanks to w columns, or cuts it.
func pad(s string, w int) string {
	s = cut(s, w)
	return s + blanks(w-width(s))
}

// padLeft is pad with the blanks before the text.
func padLeft(s string, w int) string { return blanks(w-width(cut(s, w))) + cut(s, w) }

// wrap breaks plain text into lines of at most w columns, at blanks if it can.
func wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		// A hyphen is no place to break an option or a path.
		line = ansi.Wrap(strings.ReplaceAll(clean(line), "-", "\u2011"), w, "")
		lines = append(lines, strings.Split(strings.ReplaceAll(line, "\u2011", "-"), "\n")...)
	}
	return lines
}

// tail keeps the end of a text: serial numbers differ there.
func tail(s string, w int) string {
	if width(s) <= w {
		return s
	}
	keep := max(0, w-len(glyphCut))
	return glyphCut + ansi.TruncateLeft(s, width(s)-keep, "")
}
