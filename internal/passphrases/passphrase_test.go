package passphrases

import (
	"strings"
	"testing"
)

func TestRecoveryKeys(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		k := NewRecoveryKey()
		if len(k) != recoveryLetters || strings.Trim(string(k), modhex) != "" || seen[string(k)] {
			t.Fatalf("%q", k)
		}
		seen[string(k)] = true
	}
}

func TestPassphraseStrength(t *testing.T) {
	for p, want := range map[string]int{
		"": 0, "a": 0, "aaaaaaaaaaaaaaaaaaaa": 0, "12345678901234567890": 0, "abcdefghijklmnop": 0, "password": 0,
		"abababababababab": 0, "correct horse": 1, "Tr0ub4dor&3": 3, "correct horse battery staple": 4, "žluťoučký kůň": 4,
	} {
		if got := StrengthOf([]byte(p)); got.Score != want || got.Advice == "" {
			t.Errorf("%q: %+v, want %d", p, got, want)
		}
	}
}
