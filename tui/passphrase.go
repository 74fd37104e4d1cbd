package tui

import (
	"bytes"
	"slices"

	"auto-installer/internal/passphrases"

	tea "charm.land/bubbletea/v2"
)

// passphrase asks for the LUKS passphrase: twice for a new container, once for
// that of an unfinished install.
type passphrase struct {
	*session
	first, second field
	at            int // 0, 1: which field
	show          bool
	problem       string // why the passphrase is refused
	doubt         string // what speaks against it; Enter takes it anyway
	caps          bool
	capsAsked     bool
	trying        bool // see passphrase_try.go
	tries         int  // how often a passphrase was tried on the container
}

func (p *passphrase) typing() bool { return true }

func (p *passphrase) skip() bool { return p.chosen && !p.host().LUKS.Enable }

func (p *passphrase) enter() tea.Cmd {
	p.at, p.problem, p.show, p.trying, p.doubt = 0, "", false, false, ""
	return p.lookAtCaps()
}

func (p *passphrase) tick() tea.Cmd { return p.lookAtCaps() }

func (p *passphrase) lookAtCaps() tea.Cmd {
	if p.capsAsked {
		return nil
	}
	p.capsAsked = true
	return askTwo(p, p.backend.CapsLock, func(on, known bool) (tea.Cmd, state) {
		p.caps, p.capsAsked = on && known, false
		return nil, stay
	})
}

func (p *passphrase) field() *field {
	if p.at == 0 {
		return &p.first
	}
	return &p.second
}

func (p *passphrase) paste(text string) {
	if p.reopens() && p.trying {
		return
	}
	p.field().insert(text)
	p.problem, p.doubt = "", ""
}

func (p *passphrase) key(msg tea.KeyPressMsg) (tea.Cmd, state) {
	switch {
	case keyBack.is(msg):
		return nil, back
	case p.trying:
	case p.doubt != "" && keyRetype.is(msg):
		return p.loadBootKeymap(), stay
	case keyShow.is(msg):
		p.show = !p.show
	case keyField.is(msg):
		if !p.reopens() {
			p.at = 1 - p.at
		}
	case keyNext.is(msg):
		return p.submit()
	case p.field().key(msg):
		p.problem, p.doubt = "", ""
	}
	return nil, stay
}

// submit goes on if both fields agree, and the boot prompt's keymap has their
// characters on the same keys.
func (p *passphrase) submit() (tea.Cmd, state) {
	switch {
	case p.first.empty():
		p.problem, p.at = "the passphrase is empty", 0
	case p.reopens():
		return p.tryContainer(), stay
	case p.at == 0:
		p.at = 1
	case p.second.empty():
		p.problem = "type the passphrase a second time"
	case !bytes.Equal(p.first.bytes(), p.second.bytes()):
		p.problem = mismatch(p.first.bytes(), p.second.bytes()) + "; type the second again"
		p.second.wipe()
	case p.doubt != "" || p.keymap == p.host().Keymap:
		return nil, p.take()
	default:
		return p.tryKeymaps(), stay
	}
	return nil, stay
}

func (p *passphrase) take() state {
	clear(p.answers.Passphrase)
	p.answers.Passphrase = slices.Clone(p.first.bytes())
	return next
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

func (p *passphrase) view(pg *page) *tea.Cursor {
	c := pg.c
	var cursor *tea.Cursor
	if p.reopens() {
		pg.head("Passphrase of the disk", "The unfinished install encrypted the disk with it. The install resumes only if it opens the disk.")
		cursor = pg.field("passphrase", &p.first, p.show, true)
		pg.gap()
	} else {
		pg.head("Passphrase for the disk", "Every start asks for it. Without it, or a recovery key, the data on the disk cannot be read.")
		for i, f := range []*field{&p.first, &p.second} {
			if at := pg.field([]string{"passphrase", "once more"}[i], f, p.show, p.at == i); at != nil {
				cursor = at
			}
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
		pg.marked("!", c.warn, "the field is full: the boot prompt takes 512 bytes")
	}
	if p.doubt != "" {
		pg.marked("!", c.warn, p.doubt)
	}
	if p.problem != "" {
		pg.marked("!", c.bad, cut(clean(p.problem), 3*c.w))
	}
	return cursor
}

// viewStrength advises; it never refuses.
func (p *passphrase) viewStrength(pg *page) {
	c := pg.c
	if p.first.empty() {
		pg.marked(" ", c.dim, "Four or more unrelated words are strong and easy to type.")
		return
	}
	s := passphrases.StrengthOf(p.first.bytes())
	style := [...]ink{c.bad, c.bad, c.warn, c.good, c.good}[s.Score]
	line := "  "
	if c.w >= 60 {
		line += c.dim(pad("strength", 12))
	}
	line += bar(style, ratio(int64(s.Score), 4), 8) + " "
	pg.add(line + cut(s.Advice, c.w-width(line)))
}
