package tui

import (
	"strings"

	"rsc.io/qr"
)

// qrCode renders text as a QR code in half blocks, two modules to a character: light on dark,
// with the margin that scanners need. It returns nil if the text is too long.
func qrCode(text []byte) []string {
	code, err := qr.Encode(string(text), qr.L)
	if err != nil {
		return nil
	}
	const quiet = 2
	var lines []string
	for y := -quiet; y < code.Size+quiet; y += 2 {
		var b strings.Builder
		for x := -quiet; x < code.Size+quiet; x++ {
			// The library has no black outside of the code.
			b.WriteString(halfBlocks[[2]bool{!code.Black(x, y), !code.Black(x, y+1)}])
		}
		lines = append(lines, b.String())
	}
	return lines
}

// halfBlocks draw two modules, one above the other. Light ones are drawn, because the
// screen is dark and a scanner expects light paper.
var halfBlocks = map[[2]bool]string{{true, true}: "█", {true, false}: "▀", {false, true}: "▄", {false, false}: " "}
