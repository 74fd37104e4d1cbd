package tui

import (
	"bytes"
	"context"
	"fmt"

	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// A new passphrase is compared under two keymaps: every start asks for it with
// the host's own, and if another one is loaded now, the same keys may give other
// characters then.

func (p *passphrase) tryKeymaps() {
	p.trying = true
	text, typed, boot := bytes.Clone(p.first.bytes()), p.keymap, p.host().Keymap
	askTwo(p, func() (steps.Typing, error) {
		defer clear(text)
		return p.backend.Typing(context.Background(), text, typed, boot)
	}, p.compared)
}

// compared goes on if the keys are the same. A keymap that cannot be read does not
// stop it: the engine warns of that.
func (p *passphrase) compared(got steps.Typing, err error) {
	if !p.trying { // the operator has left the screen since
		return
	}
	p.trying = false
	missing, moved := atBoot(got, err, p.host().Keymap)
	switch {
	case missing != "":
		p.note.refuse(missing + "; choose another passphrase")
	case moved != "":
		p.doubt = moved + ". Press F3 to load that keymap and type the passphrase again, or Enter to go on with it"
	default:
		p.take()
	}
}

// atBoot says which characters of a passphrase no key gives at the boot prompt, or
// another key.
func atBoot(t steps.Typing, unknown error, boot string) (missing, moved string) {
	where := "at the boot prompt, whose keymap is " + clean(boot)
	switch {
	case unknown != nil: // the engine warns of it
	case t.Missing > 0:
		missing = characters(t.Missing) + " on no key " + where
	case t.Moved > 0:
		moved = characters(t.Moved) + " on other keys " + where
	}
	return missing, moved
}

func characters(n int) string {
	if n == 1 {
		return "1 of its characters is"
	}
	return fmt.Sprintf("%d of its characters are", n)
}

// loadBootKeymap loads the boot prompt's keymap; the passphrase is typed again.
func (p *passphrase) loadBootKeymap() {
	name := p.host().Keymap
	ask(p, func() error { return p.backend.SetKeymap(context.Background(), name) }, func(err error) {
		if err != nil {
			p.note.refuse(engine.NewError("", err).Cause)
			return
		}
		p.keymap, p.doubt, p.note, p.at = name, "", note{}, 0
		p.wipe()
	})
}

// tryContainer tries the passphrase on the container of an unfinished install. It
// passes on a copy, which is wiped.
func (p *passphrase) tryContainer() {
	p.trying, p.note = true, note{}
	p.tries++
	a, try := p.answers, p.tries
	a.Passphrase, a.RecoveryKey = bytes.Clone(p.first.bytes()), nil
	ask(p, func() error {
		defer clear(a.Passphrase)
		return p.backend.TryPassphrase(context.Background(), a)
	}, func(err error) {
		if !p.trying || try != p.tries || !p.reopens() { // the operator has left the screen since
			return
		}
		p.trying = false
		if err == nil {
			p.take()
			return
		}
		p.note.refuse(engine.NewError("", err).Cause)
		if engine.IsUsage(err) {
			p.note.refuse("the passphrase does not open the disk: check the keyboard and Caps Lock and type it again, or go back and start over")
		}
		p.wipe()
	})
}
