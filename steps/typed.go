package steps

import (
	"bytes"
	"context"
	"fmt"
	"unicode"
	"unicode/utf8"

	"auto-installer/internal/console/keymap"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// maxPassphrase is what cryptsetup takes at a prompt, in bytes
// (cryptsetup(8), "Notes on passphrase processing").
const maxPassphrase = 512

// Typable makes sure that a secret can be typed at a prompt: one line of text, of
// at most 512 bytes. what names it in the *Error.
func Typable(what string, secret []byte) error {
	if len(secret) > maxPassphrase {
		return engine.Usage(fmt.Sprintf("use one line of at most %d bytes", maxPassphrase), "the %s is longer than %d bytes, which is all that the boot prompt takes", what, maxPassphrase)
	}
	if bytes.ContainsAny(secret, "\r\n") {
		return engine.Usage("use one line, without an empty one after it", "the %s could not be typed: it has a line break", what)
	}
	for rest := secret; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			return engine.Usage("save it as UTF-8, or choose one of letters and digits", "the %s could not be typed: it is not UTF-8 text", what)
		case r == '\uFEFF':
			return engine.Usage("save it without a byte order mark", "the %s could not be typed: it has a byte order mark (U+FEFF)", what)
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return engine.Usage("choose one without it", "the %s could not be typed: it has the control character U+%04X", what, r)
		}
		rest = rest[n:]
	}
	return nil
}

// TypableWith is Typable, and makes sure that a keymap has the characters. Where
// that cannot be looked at on this machine, the note says so.
func TypableWith(ctx context.Context, what string, secret []byte, name string) (note string, err error) {
	if err := Typable(what, secret); err != nil {
		return "", err
	}
	table, err := keymap.Read(ctx, sys.Looking(), name)
	if err != nil {
		for _, b := range secret {
			if b >= utf8.RuneSelf {
				return fmt.Sprintf("the keymap %s cannot be looked at, so nothing tells whether the %s can be typed with it", name, what), nil
			}
		}
		return "", nil // every keymap has ASCII, some in odd places
	}
	if ty := table.Of(secret); ty.Missing > 0 {
		return "", engine.Usage("choose another one, of letters and digits that every keymap has",
			"no key of the keymap %s gives %s of the %s", name, keymap.Characters(ty.Missing), what)
	}
	return "", nil
}
