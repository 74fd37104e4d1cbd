package choice

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"auto-installer/internal/disk/block"
)

// Table formats verdicts for a terminal of width columns (0: do not break lines).
// Each disk has a line, one with its by-id path, and lines for the reasons and
// for what is on it.
func Table(all []Verdict, width int) string {
	header := []string{"", "DISK", "MODEL", "SERIAL", "SIZE", "BUS"}
	rows := [][]string{header}
	for _, v := range all {
		d := v.Device
		rows = append(rows, []string{mark(v), d.Path, cmp.Or(d.Model, "-"), cmp.Or(d.Serial, "-"), block.FormatSize(d.Size), cmp.Or(d.Transport, d.Type, "-")})
	}
	widths := make([]int, len(header))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	// If it does not fit, the model is cut: people compare the path and the
	// serial number.
	total := 2 * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	if width > 0 && total > width {
		widths[2] = max(widths[2]-(total-width), min(widths[2], 8))
	}
	var out strings.Builder
	for i, r := range rows {
		cells := make([]string, len(r))
		for c, cell := range r {
			cell = ansi.Truncate(cell, widths[c], "~")
			cells[c] = cell + strings.Repeat(" ", widths[c]-ansi.StringWidth(cell))
		}
		out.WriteString(strings.TrimRight(strings.Join(cells, "  "), " ") + "\n")
		if i > 0 {
			details(&out, all[i-1], strings.Repeat(" ", widths[0]+2), width)
		}
	}
	return out.String()
}

func details(out *strings.Builder, v Verdict, indent string, width int) {
	if v.Device.ByID != "" {
		out.WriteString(indent + v.Device.ByID + "\n") // people copy it: do not break it
	}
	text := fmt.Sprintf("candidate %d: %s", v.Rank, strings.Join(v.Reasons, ", "))
	switch {
	case v.Refused != "":
		text = "refused: " + v.Refused
	case v.ByNameOnly:
		text = strings.Join(v.Reasons, ", ")
	}
	wrap(out, text, indent, width)
	switch {
	case v.Blank:
		wrap(out, "holds: nothing, it is blank", indent, width)
	case v.HoldsData:
		wrap(out, "holds: "+strings.Join(v.Holds, ", "), indent, width)
	}
}

func mark(v Verdict) string {
	switch {
	case v.Candidate:
		return fmt.Sprint(v.Rank)
	case v.ByNameOnly:
		return "n"
	}
	return "-"
}

// wrap breaks text between words and indents it, the following lines two further.
func wrap(out *strings.Builder, text, indent string, width int) {
	text = strings.Join(strings.Fields(text), " ")
	if width > 0 {
		text = ansi.Wordwrap(text, width-len(indent)-2, " ")
	}
	out.WriteString(indent + strings.ReplaceAll(text, "\n", "\n"+indent+"  ") + "\n")
}
