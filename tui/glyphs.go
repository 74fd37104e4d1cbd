package tui

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"auto-installer/internal/sys"
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

// colour is a sequence that only changes colours and weight (SGR).
var colour = regexp.MustCompile("^\x1b\\[[0-9;]*m$")

// shown makes a line safe for the terminal: of its control sequences only
// colours are left. On a console, a character that the font lacks becomes as many
// ? as the columns that width counts for it.
func shown(s string, console bool) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case drawable(r):
			b.WriteString(s[:size])
		case r == '\x1b':
			_, _, size, _ = ansi.DecodeSequence(s, ansi.NormalState, nil)
			if size = max(1, size); colour.MatchString(s[:size]) {
				b.WriteString(s[:size])
			}
		case r == utf8.RuneError && size == 1:
			b.WriteByte('?')
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
		case console:
			b.WriteString(strings.Repeat("?", ansi.StringWidth(s[:size])))
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// clean makes one line of plain text from untrusted text, such as a disk's model
// or a line of a log.
func clean(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return sys.VisibleLine(strings.ReplaceAll(s, "\n", " "))
		}
	}
	return s
}

func width(s string) int { return ansi.StringWidth(s) }

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
