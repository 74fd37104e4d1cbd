package tui

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// styles is every colour of the screens. Only the 16 named colours are used:
// the Linux console has no others (console_codes(4)), and there they follow the
// operator's own palette.
type styles struct {
	title    ink // what the screen asks
	text     ink
	strong   ink
	dim      ink // secondary, and refused
	rule     ink // lines and borders
	accent   ink // where the operator is
	selected ink // the row under the cursor
	good     ink
	warn     ink
	bad      ink
	key      ink // in the help line
}

// ink is a style worked out: drawing with it is two concatenations, which a
// frame does a few hundred times.
type ink struct{ on, off string }

func newInk(s lipgloss.Style) ink {
	on, off, _ := strings.Cut(s.Render("x"), "x")
	return ink{on, off}
}

// Render draws a piece of one line.
func (i ink) Render(s string) string {
	if s == "" {
		return ""
	}
	return i.on + s + i.off
}

// The 16 colours' numbers.
const (
	cyan, grey, brightRed, brightGreen = "6", "8", "9", "10"
	brightYellow, brightCyan, white    = "11", "14", "15"
)

// newStyles makes the styles. Without colour, weight and reverse video tell
// the same things apart.
func newStyles(colour bool) styles {
	plain := lipgloss.NewStyle()
	bold := plain.Bold(true)
	text := newInk(plain)
	if !colour {
		b := newInk(bold)
		return styles{
			title: b, text: text, strong: b, dim: text, rule: text, accent: b,
			selected: newInk(plain.Reverse(true)), good: text, warn: b, bad: b, key: b,
		}
	}
	// To the Linux console a bright colour is a dark one that is bold: what
	// takes bold back between two of them (SGR 22) takes the brightness too, and
	// grey becomes black (drivers/tty/vt/vt.c, csi_m). So all of them are bold.
	bright := func(c string) ink { return newInk(bold.Foreground(lipgloss.Color(c))) }
	return styles{
		title: bright(white), text: text, strong: bright(white), dim: bright(grey), rule: bright(grey),
		accent: bright(brightCyan), selected: bright(brightCyan),
		good: bright(brightGreen), warn: bright(brightYellow), bad: bright(brightRed),
		key: newInk(plain.Foreground(lipgloss.Color(cyan))),
	}
}
