package relabel

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"auto-installer/internal/sys"
)

// String is the label in one line: what it is now and what it will be.
func (l Label) String() string {
	return fmt.Sprintf("%s of %s: %s → %s", l.Kind, l.Device, orNone(l.From), l.To)
}

// Table shows every label, for people.
func (l *Layout) Table() string {
	rows := [][]string{{"", "device", "", "is", "will be"}}
	for _, label := range l.Labels {
		to := label.To
		if !label.Differs() {
			to = "(the same)"
		}
		rows = append(rows, []string{label.Part, label.Device, string(label.Kind), orNone(label.From), to})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		line := " "
		for i, cell := range row {
			line += " " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1)
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return out.String()
}

func orNone(label string) string {
	if label == "" {
		return "(none)"
	}
	return sys.Clean(label)
}
