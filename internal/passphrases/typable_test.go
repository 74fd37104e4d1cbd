package passphrases

import (
	"errors"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

func TestTypable(t *testing.T) {
	for secret, says := range map[string]string{
		"correct horse":            "",
		" spaces too ":             "",
		"größe, ключ, 鍵":           "",
		"e\u0301":                  "",
		strings.Repeat("x", 512):   "",
		strings.Repeat("x", 513):   "longer than 512 bytes",
		strings.Repeat("é", 257):   "longer than 512 bytes",
		"two\nlines":               "line break",
		"pass\r":                   "line break",
		"a\rb":                     "line break",
		"a\x00b":                   "U+0000",
		"a\tb":                     "U+0009",
		"\x1b[2K":                  "U+001B",
		"a\x7f":                    "U+007F",
		"a\u0085":                  "U+0085",
		"a\u2028":                  "U+2028",
		"\xef\xbb\xbfpass":         "byte order mark",
		"\xff\xfep\x00a\x00":       "not UTF-8",
		"gr\xf6\xdfe (in Latin-1)": "not UTF-8",
	} {
		err := Typable("passphrase", []byte(secret))
		if says == "" && err == nil {
			continue
		}
		e, ok := errors.AsType[*sys.Fault](err)
		if !ok || says == "" || !strings.Contains(e.Cause, says) || e.Hint == "" || e.Code != 2 {
			t.Errorf("%q: %v", secret, err)
		}
	}
}
