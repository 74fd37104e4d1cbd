package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// The glyphs of the screens. The kernel's own 8×16 console font has all of
// them; it lacks rounded corners, check marks, ellipses and braille.
const (
	glyphCursor = "►"
	glyphDone   = "√"
	glyphBad    = "×"
	glyphDot    = "•"
	glyphSmall  = "·"
	glyphRight  = "→"
	glyphFull   = "█"
	glyphDark   = "▓"
	glyphMid    = "▒"
	glyphLight  = "░"
	glyphLine   = "─"
	glyphCut    = ".." // an ellipsis
)

// spinner turns while something is awaited, one glyph a tick.
var spinner = [...]string{"|", "/", "-", `\`}

// cut shortens text to width columns, and says that it did.
func cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if ansi.StringWidth(s) <= width {
		return s
	}
	if width <= len(glyphCut) {
		return ansi.Truncate(s, width, "")
	}
	return ansi.Truncate(s, width, glyphCut)
}

// pad fills text with blanks to width columns, or cuts it.
func pad(s string, width int) string {
	s = cut(s, width)
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// padLeft is pad with the blanks before the text.
func padLeft(s string, width int) string {
	s = cut(s, width)
	return strings.Repeat(" ", max(0, width-ansi.StringWidth(s))) + s
}

// wrap breaks text into lines of at most width columns, at blanks where it can.
func wrap(s string, width int) []string {
	if width <= 0 {
		return nil
	}
	return strings.Split(ansi.Wrap(s, width, ""), "\n")
}

// tail keeps the end of a text, which tells serial numbers apart.
func tail(s string, width int) string {
	if ansi.StringWidth(s) <= width {
		return s
	}
	keep := width - len(glyphCut)
	return glyphCut + ansi.TruncateLeft(s, ansi.StringWidth(s)-keep, "")
}

// bar draws done of total as a bar of width columns.
func bar(done, total int64, width int) (full, empty string) {
	n := 0
	if total > 0 {
		n = int(float64(width) * float64(min(done, total)) / float64(total))
	}
	return strings.Repeat(glyphFull, n), strings.Repeat(glyphLight, max(0, width-n))
}
