package choice

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"auto-installer/internal/disk/block"
)

// Table renders verdicts as text, for a terminal of width columns (0: do not
// break lines). Each disk takes a line, one for its by-id path, and as many as
// it needs for the reasons and for what is on it.
func Table(all []Verdict, width int) string {
	header := []string{"", "DISK", "MODEL", "SERIAL", "SIZE", "BUS"}
	rows := [][]string{header}
	for _, v := range all {
		d := v.Device
		rows = append(rows, []string{mark(v), d.Path, dash(d.Model), dash(d.Serial), block.FormatSize(d.Size), dash(cmp.Or(d.Transport, d.Type))})
	}
	widths := make([]int, len(header))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	// What does not fit is taken from the model first: the serial number and
	// the path are what a person compares.
	if total := sum(widths) + 2*(len(widths)-1); width > 0 && total > width {
		widths[2] = max(widths[2]-(total-width), min(widths[2], 8))
	}
	var out strings.Builder
	for i, r := range rows {
		cells := make([]string, len(r))
		for c, cell := range r {
			cells[c] = pad(cut(cell, widths[c]), widths[c])
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
		out.WriteString(indent + v.Device.ByID + "\n") // to be copied: never broken
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

// wrap breaks text between words; what follows is indented two further.
func wrap(out *strings.Builder, text, indent string, width int) {
	line := indent
	for i, word := range strings.Fields(text) {
		if i > 0 && width > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			out.WriteString(line + "\n")
			line = indent + "  " + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	out.WriteString(line + "\n")
}

func dash(s string) string { return cmp.Or(s, "-") }

func cut(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "~"
	}
	return s
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}

func sum(ns []int) int {
	total := 0
	for _, n := range ns {
		total += n
	}
	return total
}
