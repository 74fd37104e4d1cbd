package tui

import (
	"bytes"
	"slices"

	"auto-installer/steps"
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
	capsAsked     bool
	trying        bool // see passphrase_try.go
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
	if p.capsAsked {
		return
	}
	p.capsAsked = true
	ask(p, p.backend.CapsLock, func(on bool) { p.caps, p.capsAsked = on, false })
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
	s := steps.PassphraseStrength(p.first.bytes())
	style := [...]ink{pg.bad, pg.bad, pg.warn, pg.good, pg.good}[s.Score]
	line := "  "
	if pg.w >= 60 {
		line += pg.dim(pad("strength", 12))
	}
	line += bar(style, ratio(int64(s.Score), 4), 8) + " "
	pg.add(line + cut(s.Advice, pg.w-width(line)))
}
