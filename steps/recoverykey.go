package steps

import (
	"crypto/rand"
	"strings"

	"rsc.io/qr"
)

// modhex is an alphabet whose letters are on the same keys of most keyboards, so a key that
// is typed with the wrong keymap is still right (Yubico's modhex; systemd-cryptenroll(1)
// uses it for its recovery keys).
const modhex = "cbdefghijklnrtuv"

// recoveryLetters gives 128 bits, which cannot be guessed.
const recoveryLetters = 32

// NewRecoveryKey makes a random recovery key of 32 letters. Wipe it after use.
func NewRecoveryKey() []byte {
	key := make([]byte, recoveryLetters)
	_, _ = rand.Read(key) // never fails
	for i, b := range key {
		key[i] = modhex[b&15]
	}
	return key
}

// QR renders text as a QR code in half blocks, two modules to a character: light on dark,
// with the margin that scanners need. It returns nil if the text is too long.
func QR(text []byte) []string {
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
			b.WriteString(halfBlock(!code.Black(x, y), !code.Black(x, y+1)))
		}
		lines = append(lines, b.String())
	}
	return lines
}

// halfBlock draws two modules, one above the other. Light ones are drawn, because the screen
// is dark and a scanner expects light paper.
func halfBlock(top, bottom bool) string {
	switch {
	case top && bottom:
		return "█"
	case top:
		return "▀"
	case bottom:
		return "▄"
	}
	return " "
}
