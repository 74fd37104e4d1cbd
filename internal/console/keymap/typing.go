package keymap

import (
	"context"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"auto-installer/internal/sys"
)

// Typing counts how the characters of a text can be typed with a keymap. It
// contains nothing of the text.
type Typing struct {
	Missing int // characters that are on no key
	Accents int // characters that need a dead key
	// Moved are characters on another key than in another keymap, see Compare.
	Moved int
}

// Of counts how a text can be typed with the keymap.
func (t *Table) Of(text []byte) Typing {
	var ty Typing
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		switch _, direct := t.find(r, char); {
		case direct:
		case r == utf8.RuneError && n == 1: // not a character
			ty.Missing++
		case t.composes(r):
			ty.Accents++
		default:
			ty.Missing++
		}
	}
	return ty
}

// composes reports whether a dead key gives a character: an accent with the space
// bar, or an accented letter.
func (t *Table) composes(r rune) bool {
	if _, ok := t.find(r, dead); ok {
		return true
	}
	base, accent := decompose(r)
	if accent == 0 {
		return false
	}
	_, has := t.find(base, char)
	_, puts := t.find(accent, dead)
	return has && puts
}

// combining are the accents of dead keys, by their combining character.
var combining = map[rune]rune{
	'\u0300': '`', '\u0301': '\'', '\u0302': '^', '\u0303': '~', '\u0308': '"', '\u0327': ',',
}

func decompose(r rune) (base, accent rune) {
	var buf [utf8.UTFMax]byte
	d := norm.NFD.Properties(buf[:utf8.EncodeRune(buf[:], r)]).Decomposition()
	base, n := utf8.DecodeRune(d)
	mark, m := utf8.DecodeRune(d[n:])
	if m == 0 || n+m != len(d) {
		return 0, 0
	}
	return base, combining[mark]
}

// Compare counts how a text that was typed with the keymap can be typed with
// another one. Moved are the characters that the same keys do not give there.
func (t *Table) Compare(other *Table, text []byte) Typing {
	ty := other.Of(text)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		pressed, ok := t.find(r, char)
		if !ok || char(other[pressed.modifier][pressed.key]) != r {
			ty.Moved++
		}
	}
	return ty
}

// Between compares how a text is typed with two keymaps, by their names. If the
// first is empty, because unknown, it counts for the second.
func Between(ctx context.Context, s sys.System, typed, boot string, text []byte) (Typing, error) {
	to, err := Read(ctx, s, boot)
	if err != nil || typed == "" {
		return to.Of(text), err
	}
	from, err := Read(ctx, s, typed)
	return from.Compare(&to, text), err
}

// Characters puts a number of characters into words.
func Characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}
