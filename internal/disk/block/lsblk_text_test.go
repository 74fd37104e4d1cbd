package block

import (
	"encoding/json"
	"testing"
)

// A label with an invisible character differs from the label without.
func TestHiddenText(t *testing.T) {
	for in, want := range map[string]string{
		`"  SSD 970 \u0000\u0000 "`: "SSD 970",
		`"DEMO\u200b-ROOT"`:         `DEMO\u200b-ROOT`,
		`"\u202eTOOR"`:              `\u202eTOOR`,
		`"x\u001b[2Ky\nz"`:          `x\e[2Ky\nz`,
		`"größer"`:                  "größer",
		`"a\tb"`:                    "a b",
		`null`:                      "",
		`"` + "\xff" + `"`:          "\ufffd",
	} {
		var got text
		if err := json.Unmarshal([]byte(in), &got); err != nil || string(got) != want {
			t.Errorf("%s is %q, not %q, %v", in, got, want, err)
		}
	}
}
