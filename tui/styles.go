package tui

import "charm.land/lipgloss/v2"

// styles is every colour of the screens. Only the 16 named colours are used:
// the Linux console has no others (console_codes(4)), and there they follow the
// operator's own palette.
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
	red, green, yellow, cyan      = "1", "2", "3", "6"
	grey, brightRed, brightGreen  = "8", "9", "10"
	brightYellow, brightCyan, hue = "11", "14", "15"
)

// newStyles makes the styles. Without colour, weight and reverse video tell
// the same things apart.
func newStyles(colour bool) styles {
	plain := lipgloss.NewStyle()
	bold := plain.Bold(true)
	if !colour {
		return styles{
			title: bold, text: plain, strong: bold, dim: plain, rule: plain, accent: bold,
			selected: plain.Reverse(true), good: plain, warn: bold, bad: bold, key: bold,
		}
	}
	fg := func(s lipgloss.Style, c string) lipgloss.Style { return s.Foreground(lipgloss.Color(c)) }
	return styles{
		title: fg(bold, hue), text: plain, strong: fg(bold, hue), dim: fg(plain, grey), rule: fg(plain, grey),
		accent: fg(bold, brightCyan), selected: fg(bold, brightCyan),
		good: fg(plain, brightGreen), warn: fg(plain, brightYellow), bad: fg(bold, brightRed), key: fg(plain, cyan),
	}
}
