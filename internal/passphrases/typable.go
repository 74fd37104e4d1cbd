// Package passphrases says whether a passphrase can be typed and how hard it is to guess,
// and makes recovery keys.
package passphrases

import (
	"bytes"
	"context"
	"fmt"
	"unicode"
	"unicode/utf8"

	"auto-installer/internal/console/keymap"
	"auto-installer/internal/sys"
)

// maxLength is the most that cryptsetup accepts at a prompt, in bytes (cryptsetup(8),
// "Notes on passphrase processing").
const maxLength = 512

// Typable verifies that a secret can be typed at a prompt: it is one line of at most 512
// bytes of text. what names it in the *sys.Fault.
func Typable(what string, secret []byte) error {
	if len(secret) > maxLength {
		return sys.Usage(fmt.Sprintf("use one line of at most %d bytes", maxLength), "the %s is longer than %d bytes, the limit of the boot prompt", what, maxLength)
	}
	if bytes.ContainsAny(secret, "\r\n") {
		return sys.Usage("use one line, without an empty line after it", "the %s could not be typed: it has a line break", what)
	}
	for rest := secret; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			return sys.Usage("save it as UTF-8, or use letters and digits", "the %s could not be typed: it is not UTF-8 text", what)
		case r == '\uFEFF':
			return sys.Usage("save it without a byte order mark", "the %s could not be typed: it has a byte order mark (U+FEFF)", what)
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return sys.Usage("choose one without that character", "the %s could not be typed: it has the control character U+%04X", what, r)
		}
		rest = rest[n:]
	}
	return nil
}

// TypableWith is Typable and also verifies that a keymap has the characters. If this machine
// lacks the keymap, it returns a note instead.
func TypableWith(ctx context.Context, what string, secret []byte, name string) (note string, err error) {
	if err := Typable(what, secret); err != nil {
		return "", err
	}
	table, err := keymap.Read(ctx, sys.Looking(), name)
	if err != nil {
		for _, b := range secret {
			if b >= utf8.RuneSelf {
				return fmt.Sprintf("cannot read the keymap %s, so it is not known whether the %s can be typed with it", name, what), nil
			}
		}
		return "", nil // every keymap has ASCII, on some key
	}
	if ty := table.Of(secret); ty.Missing > 0 {
		return "", sys.Usage("choose another one, of letters and digits that every keymap has",
			"the keymap %s has no key for %s of the %s", name, keymap.Characters(ty.Missing), what)
	}
	return "", nil
}
