package block

import "testing"

// A label with something hidden in it is not the label without, and is shown
// for what it is.
func TestHiddenText(t *testing.T) {
	for in, want := range map[string]string{
		`"  SSD 970 \u0000\u0000 "`: "SSD 970",
		`"DEMO\u200b-ROOT"`:         `DEMO\u200b-ROOT`,
		`"\u202eTOOR"`:              `\u202eTOOR`,
		`"x\u001b[2Ky\nz"`:          `x\e[2Ky\nz`,
		`"größer"`:                  "größer",
		`"a\tb"`:                    "a b",
		`512`:                       "512",
		`null`:                      "",
		`["\u001b"]`:                "",
		`"` + "\xff" + `"`:          "\ufffd",
	} {
		if got := scalar([]byte(in)); got != want {
			t.Errorf("%s is %q, not %q", in, got, want)
		}
	}
}
