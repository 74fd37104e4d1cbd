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
	key      ink
	helpKey  lipgloss.Style // key, for bubbles' help
}

// ink draws text in a style.
type ink func(...string) string

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
			title: bold.Render, text: text.Render, strong: bold.Render, dim: text.Render, rule: text.Render, accent: bold.Render,
			selected: text.Reverse(true).Render, good: text.Render, warn: bold.Render, bad: bold.Render, key: bold.Render, helpKey: bold,
		}
	}
	// To the Linux console a bright colour is a dark one that is bold: the end of
	// bold between two of them (SGR 22) ends the brightness too, and grey becomes
	// black (drivers/tty/vt/vt.c, csi_m). So all bright colours are bold.
	bright := func(c string) ink { return bold.Foreground(lipgloss.Color(c)).Render }
	key := text.Foreground(lipgloss.Color(cyan))
	return &styles{
		title: bright(white), text: text.Render, strong: bright(white), dim: bright(grey), rule: bright(grey),
		accent: bright(brightCyan), selected: bright(brightCyan),
		good: bright(brightGreen), warn: bright(brightYellow), bad: bright(brightRed),
		key: key.Render, helpKey: key,
	}
}

// spin is the spinner's frame of now. The screens have one clock for spinners and
// countdowns, so of bubbles' spinner only the frames are used.
func (c canvas) spin() string { return spinner.Line.Frames[c.tick%len(spinner.Line.Frames)] }

// bar draws a part of 1 as a bar of w columns, full only at the end: bubbles'
// bar would round up. It has one colour, which the style gives.
func bar(style ink, part float64, w int) string {
	none := lipgloss.NoColor{}
	p := progress.New(progress.WithWidth(w), progress.WithFillCharacters('█', '░'), progress.WithoutPercentage(), progress.WithColors(none))
	p.EmptyColor = none
	cells := math.Floor(float64(w) * max(0, min(part, 1)))
	return style(p.ViewAs(cells / float64(max(1, w))))
}

// ratio is done of total as a part of 1.
func ratio(done, total int64) float64 { return float64(done) / float64(max(1, total)) }
