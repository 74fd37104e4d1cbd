package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"auto-installer/steps"
)

// The glyphs of the screens. The kernel's own 8×16 console font has all of
// them; it lacks rounded corners, check marks, ellipses and braille.
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

// spinner turns while something is awaited, one glyph a tick.
var spinner = [...]string{"|", "/", "-", `\`}

// drawable tells whether the console's font has a rune: printable ASCII, and
// a handful of others.
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

// easy is how much of the start of s is drawable or a colour sequence, in
// bytes, and how many columns that fills.
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

// shown makes a line fit for the terminal, whatever is in it. Nothing but
// colour moves the terminal. A console draws what its font has, and ? for the
// rest, as many as the columns that it was counted for.
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

// clean makes text from elsewhere, a disk's model or a line of a log, one
// line of plain text.
func clean(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return steps.CleanText(strings.ReplaceAll(s, "\n", " "))
		}
	}
	return s
}

// width is how many columns a line fills.
func width(s string) int {
	if n, columns := easy(s); n == len(s) {
		return columns
	}
	return ansi.StringWidth(s)
}

// cut shortens text to w columns, and says that it did.
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

// crop shortens a line of a drawing to w columns.
func crop(s string, w int) string {
	if width(s) <= w {
		return s
	}
	return ansi.Truncate(s, max(0, w), "")
}

// blanks is n blanks; the longest line needs no allocation.
func blanks(n int) string {
	const many = "                                                                                " +
		"                                                                                " +
		"                                                                                "
	if n <= 0 {
		return ""
	}
	if n <= len(many) {
		return many[:n]
	}
	return strings.Repeat(" ", n)
}

// pad fills text with blanks to w columns, or cuts it.
func pad(s string, w int) string {
	s = cut(s, w)
	return s + blanks(w-width(s))
}

// padLeft is pad with the blanks before the text.
func padLeft(s string, w int) string {
	s = cut(s, w)
	return blanks(w-width(s)) + s
}

// wrap breaks plain text into lines of at most w columns, at blanks where it
// can.
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

// tail keeps the end of a text, which tells serial numbers apart.
func tail(s string, w int) string {
	if width(s) <= w {
		return s
	}
	keep := max(0, w-len(glyphCut))
	return glyphCut + ansi.TruncateLeft(s, width(s)-keep, "")
}

// bar draws done of total as a bar of w columns.
func bar(done, total int64, w int) (full, empty string) {
	return barOf(float64(max(0, min(done, total)))/float64(max(1, total)), w)
}

// barOf is bar for a part of 1.
func barOf(part float64, w int) (full, empty string) {
	w = max(0, w)
	n := int(float64(w) * max(0, min(part, 1)))
	return strings.Repeat(glyphFull, n), strings.Repeat(glyphLight, w-n)
}
