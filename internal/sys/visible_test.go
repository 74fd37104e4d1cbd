package sys

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain text, größer, 日本, ║":   "plain text, größer, 日本, ║",
		"two\nlines\tof it":           "two\nlines\tof it",
		"\x1b[2K\x1b[1Arm":            `\e[2K\e[1Arm`,
		"over\rwritten":               `over\rwritten`,
		"\a\b\x00\x7f":                `\u0007\u0008\u0000\u007f`,
		"C1 \u009b2K":                 `C1 \u009b2K`,
		"\u202egpj.exe\u2069":         `\u202egpj.exe\u2069`,
		"zero\u200bwidth\ufeff\u2060": `zero\u200bwidth\ufeff\u2060`,
		"\u200e\u200f\u2028\u00ad":    `\u200e\u200f\u2028\u00ad`,
		"blank\u3164\u00a0":           `blank\u3164\u00a0`,
		"tag\U000e0041":               `tag\udb40\udc41`,
		"broken \xff\xc3":             `broken \xff\xc3`,
		"\x1b]0;title\x07":            `\e]0;title\u0007`,
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q is shown as %q, not %q", in, got, want)
		}
		if got := Visible(want); got != want || Hides([]byte(want)) {
			t.Errorf("%q changes once more, to %q", want, got)
		}
		if Hides([]byte(in)) != (in != want) {
			t.Errorf("Hides(%q) is %v", in, in == want)
		}
	}
	if got, want := VisibleLine("a\nerror: b\tc"), `a\nerror: b c`; got != want {
		t.Errorf("a line is %q, not %q", got, want)
	}
}

// What is shown is what runs: a shell reads the same words back, in every locale.
func TestQuoteIsRead(t *testing.T) {
	for _, word := range []string{
		"", "plain", "it's", `back\slash`, "$HOME", "a\nb\n", "\x1b[2K\x1b[1Gecho ok", "\u202ecod.exe", "\x1b7", "\t", "\\\x1b'", "\xff1", "zero\u200b0", "x\u00a0y",
	} {
		q := Quote([]string{word})
		if Hides([]byte(q)) || strings.ContainsAny(q, "\n\t") {
			t.Errorf("%q is quoted as %q", word, q)
		}
		for _, locale := range []string{"C", "C.UTF-8"} {
			c := exec.CommandContext(t.Context(), "bash", "-c", "printf %s "+q)
			c.Env = []string{"LC_ALL=" + locale}
			if out, err := c.Output(); err != nil || string(out) != word {
				t.Errorf("%q, quoted as %s, is %q for a shell in %s (%v)", word, q, out, locale, err)
			}
		}
	}
	if got, want := Quote([]string{"bash", "-c", "\x1b[2Krm -rf /"}), `bash -c $'\e[2Krm -rf /'`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

// FuzzVisible: Visible makes any text visible, and keeps the meaning of any JSON.
func FuzzVisible(f *testing.F) {
	f.Add("\x1b[2K\u202e\xff\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		shown := Visible(s)
		if !utf8.ValidString(shown) || Hides([]byte(shown)) || Visible(shown) != shown {
			t.Errorf("%q is shown as %q", s, shown)
		}
		s = strings.ToValidUTF8(s, "?")
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal([]byte(Visible(string(data))), &back); err != nil || back != s {
			t.Errorf("%q comes back as %q (%v)", s, back, err)
		}
	})
}

// FuzzLines cuts any output into lines.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\n\x1b[2Kd"), 3)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		cut = max(0, min(cut, len(data)))
		w := &lineWriter{each: func(line string) {
			if line == "" || strings.ContainsAny(line, "\r\n") {
				t.Errorf("a line is %q", line)
			}
			Clean(line)
			why([]string{line})
		}}
		_, _ = w.Write(data[:cut])
		_, _ = w.Write(data[cut:])
		w.flush()
	})
}
