package nixtext

import (
	"bytes"
	"slices"
	"strings"
)

// Before inserts lines before the bracket or the `in` at one place. If that
// stands on a line of its own, so do the lines, with the indent and the line end
// of their neighbours.
func Before(src []byte, end int, lines ...string) []byte {
	start := bytes.LastIndexByte(src[:end], '\n') + 1
	indent := string(src[start:end])
	var text strings.Builder
	at := start
	if strings.TrimLeft(indent, " \t") != "" { // it shares its line
		at = end
		if !strings.HasSuffix(indent, " ") {
			text.WriteString(" ")
		}
		for _, line := range lines {
			text.WriteString(strings.TrimLeft(line, " ") + " ")
		}
	} else {
		newline, step := "\n", "  "
		if start > 1 && src[start-2] == '\r' {
			newline = "\r\n"
		}
		if strings.HasPrefix(indent, "\t") {
			step = "\t"
		}
		for _, line := range lines {
			text.WriteString(indent + step + line + newline)
		}
	}
	return slices.Concat(src[:at], []byte(text.String()), src[at:])
}
