package tui

import (
	"math"

	"charm.land/bubbles/v2/progress"
	"charm.land/bubbles/v2/spinner"
	"charm.land/lipgloss/v2"
)

// styles is every colour of the screens. They are of the 16 named ones: the Linux
// console has no others (console_codes(4)), and they follow the operator's palette.
type styles struct {
	title    lipgloss.Style // what the screen asks
	text     lipgloss.Style
	strong   lipgloss.Style
	dim      lipgloss.Style // secondary, and refused
	rule     lipgloss.Style // lines and borders
	accent   lipgloss.Style // where the operator is
	selected lipgloss.Style // the row under the cursor
	good     lipgloss.Style
	warn     lipgloss.Style
	bad      lipgloss.Style
	key      lipgloss.Style // in the help line
}

// The 16 colours' numbers.
const (
	cyan, grey, brightRed, brightGreen = "6", "8", "9", "10"
	brightYellow, brightCyan, white    = "11", "14", "15"
)

// newStyles makes the styles. Without colour, bold and reverse video make the same
// distinctions.
func newStyles(colour bool) *styles {
	text := lipgloss.NewStyle()
	bold := text.Bold(true)
	if !colour {
		return &styles{
			title: bold, text: text, strong: bold, dim: text, rule: text, accent: bold,
			selected: text.Reverse(true), good: text, warn: bold, bad: bold, key: bold,
		}
	}
	// To the Linux console a bright colour is a dark one that is bold: the end of
	// bold between two of them (SGR 22) ends the brightness too, and grey becomes
	// black (drivers/tty/vt/vt.c, csi_m). So all bright colours are bold.
	bright := func(c string) lipgloss.Style { return bold.Foreground(lipgloss.Color(c)) }
	return &styles{
		title: bright(white), text: text, strong: bright(white), dim: bright(grey), rule: bright(grey),
		accent: bright(brightCyan), selected: bright(brightCyan),
		good: bright(brightGreen), warn: bright(brightYellow), bad: bright(brightRed),
		key: text.Foreground(lipgloss.Color(cyan)),
	}
}

// spin is the spinner's frame of now. The screens have one clock for spinners and
// countdowns, so of bubbles' spinner only the frames are used.
func (c canvas) spin() string { return spinner.Line.Frames[c.tick%len(spinner.Line.Frames)] }

// bar draws a part of 1 as a bar of w columns, full only at the end: bubbles'
// bar would round up. It has one colour, which the style gives.
func bar(style lipgloss.Style, part float64, w int) string {
	none := lipgloss.NoColor{}
	p := progress.New(progress.WithWidth(w), progress.WithFillCharacters('█', '░'), progress.WithoutPercentage(), progress.WithColors(none))
	p.EmptyColor = none
	cells := math.Floor(float64(w) * max(0, min(part, 1)))
	return style.Render(p.ViewAs(cells / float64(max(1, w))))
}

// ratio is done of total as a part of 1.
func ratio(done, total int64) float64 { return float64(done) / float64(max(1, total)) }
