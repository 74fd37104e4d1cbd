package sys

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// hidden returns whether a rune is invisible where it is shown: it moves the terminal,
// reorders or joins its neighbours (UTR #36, UAX #9), or looks like a blank or nothing.
func hidden(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Hides returns whether Visible would change the text.
func Hides(p []byte) bool {
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		if r == utf8.RuneError && size == 1 || hidden(r) && r != '\n' && r != '\t' {
			return true
		}
		p = p[size:]
	}
	return false
}

// Visible returns text as people see it: an escape in place of each rune that is hidden
// or would move the terminal. Line breaks and tabs stay. JSON keeps its meaning, because
// it has no raw control characters.
func Visible(s string) string {
	return escape(s, func(b *strings.Builder, r rune, raw string) {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r == '\x1b':
			b.WriteString(`\e`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == utf8.RuneError:
			fmt.Fprintf(b, `\x%02x`, raw[0])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	})
}

// VisibleLine is Visible for text of one line: it escapes line breaks too, so that text
// cannot imitate a line of the program.
func VisibleLine(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(Visible(s), "\t", " "), "\n", `\n`)
}

// escape calls write for each hidden rune of s, and with utf8.RuneError for an invalid
// byte.
func escape(s string, write func(b *strings.Builder, r rune, raw string)) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 || hidden(r) {
			write(&b, r, s[:size])
		} else {
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// Quote renders argv so that a shell reads the same words back. A word with a hidden
// rune is in $'…' (POSIX.1-2024, 2.2.4), so what is shown is what runs.
func Quote(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = quoteWord(w)
	}
	return strings.Join(words, " ")
}

func quoteWord(w string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("_-./:=,+@%", r)
	}
	if w != "" && strings.IndexFunc(w, func(r rune) bool { return !plain(r) }) < 0 {
		return w
	}
	if !Hides([]byte(w)) && !strings.ContainsAny(w, "\n\t") {
		return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	w = strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(w)
	return "$'" + escape(w, func(b *strings.Builder, r rune, raw string) {
		if short := map[rune]string{'\n': `\n`, '\t': `\t`, '\r': `\r`, '\x1b': `\e`}[r]; short != "" {
			b.WriteString(short)
			return
		}
		// Three octal digits a byte: no digit that follows can be part of it, and the
		// locale does not matter.
		for i := range len(raw) {
			fmt.Fprintf(b, `\%03o`, raw[i])
		}
	}) + "'"
}
