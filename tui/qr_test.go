package tui

import (
	"testing"

	"auto-installer/internal/passphrases"
)

// The code of a recovery key fits the console.
func TestQRCode(t *testing.T) {
	lines := qrCode(passphrases.NewRecoveryKey())
	for _, l := range lines {
		if len([]rune(l)) != len([]rune(lines[0])) {
			t.Error("the code is not a rectangle")
		}
	}
	if len(lines) > 16 || len(lines) == 0 {
		t.Errorf("%d rows do not fit the console", len(lines))
	}
}
