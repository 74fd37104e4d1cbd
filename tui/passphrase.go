package tui

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"auto-installer/internal/console/keymap"
	"auto-installer/internal/passphrases"
	"auto-installer/internal/sys"
)

// passphrase asks for the LUKS passphrase: twice for a new container, once for
// that of an unfinished install.
type passphrase struct {
	*session
	first, second field
	at            int // 0, 1: which field
	show          bool
	doubt         string // what speaks against it; Enter takes it anyway
	caps          bool
	trying        bool // it is compared or tried, and cannot be edited
	tries         int  // how often a passphrase was tried on the container
}

func (p *passphrase) input() *field {
	if p.trying {
		return nil
	}
	return p.field()
}

func (p *passphrase) skip() bool { return p.chosen && !p.host().LUKS.Enable }

func (p *passphrase) enter() {
	p.at, p.show, p.trying, p.doubt = 0, false, false, ""
	p.tick()
}

// tick looks at Caps Lock.
func (p *passphrase) tick() {
	ask(p, p.backend.CapsLock, func(on bool) { p.caps = on })
}

func (p *passphrase) field() *field {
	if p.at == 0 {
		return &p.first
	}
	return &p.second
}

func (p *passphrase) edited() { p.doubt = "" }

func (p *passphrase) keys() []binding {
	on, show := keyNext.does(p.submit), shows(&p.show)
	other := bind("Tab", "other field", "tab", "shift+tab", "up", "down").explained("go to the other field; also ↑ and ↓").
		does(func() { p.at = 1 - p.at })
	switch {
	case p.trying:
		return []binding{keyBack}
	case p.doubt != "":
		retype := bind("F3", "retype", "f3", "ctrl+r").
			explained("load the boot prompt's keymap and type the passphrase again; also Ctrl+R").does(p.loadBootKeymap)
		return []binding{on.explained("go on with this passphrase"), retype, other, show, keyErase, keyBack}
	case p.reopens():
		return []binding{on, show, keyErase, keyBack}
	}
	return []binding{on, other, show, keyErase, keyBack}
}

// submit goes on if both fields agree, and the boot prompt's keymap has their
// characters on the same keys.
func (p *passphrase) submit() {
	switch {
	case p.first.empty():
		p.at = 0
		p.note.refuse("the passphrase is empty")
	case p.reopens():
		p.tryContainer()
	case p.at == 0:
		p.at = 1
	case p.second.empty():
		p.note.refuse("type the passphrase a second time")
	case !bytes.Equal(p.first.bytes(), p.second.bytes()):
		p.note.refuse(mismatch(p.first.bytes(), p.second.bytes()) + "; type the second again")
		p.second.wipe()
	case p.doubt != "" || p.keymap == p.host().Keymap:
		p.take()
	default:
		p.tryKeymaps()
	}
}

func (p *passphrase) take() {
	clear(p.answers.Passphrase)
	p.answers.Passphrase = slices.Clone(p.first.bytes())
	p.goTo(next)
}

// mismatch says how two passphrases differ, without showing them.
func mismatch(a, b []byte) string {
	switch {
	case bytes.EqualFold(a, b):
		return "the two differ in upper and lower case only (is Caps Lock on?)"
	case len(a) != len(b):
		return "the two are not of the same length"
	}
	return "the two are not the same"
}

func (p *passphrase) wipe() {
	p.first.wipe()
	p.second.wipe()
}

func (p *passphrase) view(pg *page) {
	if p.reopens() {
		pg.head("Passphrase of the disk", "The unfinished install encrypted the disk with it. The install resumes only if it opens the disk.")
		pg.field("passphrase", &p.first, p.show, true)
		pg.gap()
	} else {
		pg.head("Passphrase for the disk", "Every start asks for it. Without it, or a recovery key, the data on the disk cannot be read.")
		for i, f := range []*field{&p.first, &p.second} {
			pg.field([]string{"passphrase", "once more"}[i], f, p.show, p.at == i)
		}
		pg.gap()
	}
	pg.keymap(p.keymap, p.caps)
	if !p.reopens() {
		p.viewStrength(pg)
	}
	pg.gap()
	if p.reopens() && p.trying {
		pg.wait("trying the passphrase on the disk")
	}
	if p.field().full {
		pg.marked("!", pg.warn, "the field is full: the boot prompt takes 512 bytes")
	}
	if p.doubt != "" {
		pg.marked("!", pg.warn, p.doubt)
	}
	pg.refused(p.note)
}

// viewStrength advises; it never refuses.
func (p *passphrase) viewStrength(pg *page) {
	if p.first.empty() {
		pg.marked(" ", pg.dim, "Four or more unrelated words are strong and easy to type.")
		return
	}
	s := passphrases.StrengthOf(p.first.bytes())
	style := [...]ink{pg.bad, pg.bad, pg.warn, pg.good, pg.good}[s.Score]
	line := "  "
	if pg.w >= 60 {
		line += pg.dim(pad("strength", 12))
	}
	line += bar(style, ratio(int64(s.Score), 4), 8) + " "
	pg.add(line + cut(s.Advice, pg.w-width(line)))
}

// A new passphrase is compared under two keymaps: every start asks for it with
// the host's own, and if another one is loaded now, the same keys may give other
// characters then.

func (p *passphrase) tryKeymaps() {
	p.trying = true
	text, typed, boot := bytes.Clone(p.first.bytes()), p.keymap, p.host().Keymap
	askTwo(p, func() (keymap.Typing, error) {
		defer clear(text)
		return p.backend.Typing(context.Background(), text, typed, boot)
	}, p.compared)
}

// compared goes on if the keys are the same. A keymap that cannot be read does not
// stop it: the engine warns of that.
func (p *passphrase) compared(got keymap.Typing, err error) {
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
func atBoot(t keymap.Typing, unknown error, boot string) (missing, moved string) {
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
			p.note.refuse(sys.AsFault(err).Cause)
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
		p.note.refuse(sys.AsFault(err).Cause)
		if sys.CodeOf(err) == sys.CodeUsage {
			p.note.refuse("the passphrase does not open the disk: check the keyboard and Caps Lock and type it again, or go back and start over")
		}
		p.wipe()
	})
}
