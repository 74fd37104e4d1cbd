package tui

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// The frame is: a rule with the title, the body, a rule, the help line.
const (
	minWidth, minHeight = 40, 12
	maxBody             = 104 // columns; wider lines are hard to read
	frameRows           = 3   // title, rule, help line
)

// canvas is where a body is drawn: its size and its styles.
type canvas struct {
	w, h int
	*styles
	tick    int  // turns the spinner
	console bool // draw only what the console's font has
}

// low reports whether a body has room for little more than the question and its
// answer.
func (c canvas) low() bool { return c.h < 14 }

// header is the top line: the program, the host and the screen.
func header(c canvas, host, where string) string {
	left := "auto-installer"
	if host != "" && c.w >= 60 {
		left += " " + glyphSmall + " " + host
	}
	left = cut(left, c.w-width(where)-8)
	fill := max(1, c.w-width(left)-width(where)-6)
	return c.rule(glyphLine) + " " + c.strong(left) + " " + c.rule(strings.Repeat(glyphLine, fill)) +
		" " + c.accent(where) + " " + c.rule(glyphLine)
}

// body is the canvas of the part between title and help line.
func (c canvas) body() canvas {
	c.w = max(minWidth-2, min(c.w-4, maxBody))
	c.h -= frameRows
	return c
}

// frame puts a body into its frame. Every line is exactly as wide as the screen,
// so that nothing of an earlier picture shows through. All text of the screens
// goes through here, and here it is made safe for the terminal.
func frame(c canvas, top, body, help string) string {
	inner := c.body()
	left := blanks((c.w - inner.w) / 2)
	lines := strings.Split(body, "\n")
	out := make([]string, 0, c.h)
	out = append(out, pad(shown(top, c.console), c.w))
	for i := range inner.h {
		line := ""
		if i < len(lines) {
			line = left + shown(lines[i], c.console)
		}
		out = append(out, pad(line, c.w))
	}
	out = append(out, c.rule(strings.Repeat(glyphLine, c.w)), pad(shown(help, c.console), c.w))
	return strings.Join(out, "\n")
}

// tooSmall is shown below the smallest size. The screens keep their state.
func tooSmall(c canvas) string {
	text := []string{cut("the screen is too small", c.w), cut("it needs 40x12", c.w)}
	return lipgloss.Place(c.w, c.h, lipgloss.Center, lipgloss.Center, lipgloss.JoinVertical(lipgloss.Center, text[:min(c.h, len(text))]...))
}
