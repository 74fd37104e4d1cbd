package tui

import (
	"bytes"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// passphrase asks for the LUKS passphrase, twice.
type passphrase struct {
	*session
	first, second secret
	at            int // 0, 1: which field
	show          bool
	problem       string
	caps, known   bool
	looking       bool // at Caps Lock
	trying        bool // whether the boot prompt's keymap has the same keys, or whether it opens the container
	tries         int  // how often it was tried on the container
	doubt         string
}

func newPassphrase(s *session) *passphrase { return &passphrase{session: s} }

func (p *passphrase) name() string { return "Passphrase" }

func (p *passphrase) typing() bool { return true }

func (p *passphrase) skip() bool { return p.chosen && !p.host().LUKS.Enable }

var (
	keyShow  = bind("F2", "show", "f2", "ctrl+t").explained("show or hide what you type; also Ctrl+T")
	keyField = bind("Tab", "other field", "tab", "shift+tab", "up", "down").explained("to the other field; also ↑ and ↓")
	keyErase = bind("Ctrl+U", "erase", "ctrl+u").explained("erase the field").hidden()
)

func (p *passphrase) keys() []binding {
	if p.doubt != "" {
		return []binding{keyNext.explained("go on with it all the same"), keyRetype, keyField, keyShow, keyErase, keyBack}
	}
	if p.once() {
		return []binding{keyNext, keyShow, keyErase, keyBack}
	}
	return []binding{keyNext, keyField, keyShow, keyErase, keyBack}
}

type capsMsg struct{ on, known bool }

func (p *passphrase) enter() tea.Cmd {
	p.at, p.problem, p.show, p.trying, p.doubt = 0, "", false, false, ""
	return p.lookAtCaps()
}

func (p *passphrase) lookAtCaps() tea.Cmd {
	if p.looking {
		return nil
	}
	p.looking = true
	b := p.backend
	return func() tea.Msg {
		on, known := b.CapsLock()
		return capsMsg{on, known}
	}
}

func (p *passphrase) field() *secret {
	if p.at == 0 {
		return &p.first
	}
	return &p.second
}

func (p *passphrase) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case capsMsg:
		p.caps, p.known, p.looking = msg.on, msg.known, false
	case tickMsg:
		return p.lookAtCaps(), stay
	case typingMsg:
		return nil, p.tried(msg)
	case openedMsg:
		return nil, p.opened(msg)
	case bootKeymapMsg:
		p.retype(msg)
	case tea.PasteMsg:
		if p.once() && p.trying {
			break
		}
		p.field().insert(msg.Content)
		p.problem, p.doubt = "", ""
	case tea.KeyPressMsg:
		return p.key(msg)
	}
	return nil, stay
}

func (p *passphrase) key(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	switch {
	case keyBack.is(msg):
		return nil, back
	case p.trying:
	case p.doubt != "" && keyRetype.is(msg):
		return p.loadBoot(), stay
	case keyShow.is(msg):
		p.show = !p.show
	case keyField.is(msg):
		if !p.once() {
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
func (p *passphrase) submit() (tea.Cmd, turn) {
	switch {
	case p.first.empty():
		p.problem, p.at = "the passphrase is empty", 0
	case p.once():
		return p.open(), stay
	case p.at == 0:
		p.at = 1
	case p.second.empty():
		p.problem = "type it a second time, to be sure of it"
	case !p.first.equal(&p.second):
		p.problem = mismatch(p.first.bytes(), p.second.bytes())
		p.second.wipe()
	case p.doubt != "" || p.keymap == p.host().Keymap:
		return nil, p.take()
	default:
		return p.tryKeys(), stay
	}
	return nil, stay
}

func (p *passphrase) take() turn {
	clear(p.answers.Passphrase)
	p.answers.Passphrase = slices.Clone(p.first.bytes())
	return next
}

// mismatch says how two passphrases differ, without showing them.
func mismatch(a, b []byte) string {
	switch {
	case bytes.EqualFold(a, b):
		return "the two differ in upper and lower case only: is Caps Lock on? type the second again"
	case len(a) != len(b):
		return "the two are not of the same length; type the second again"
	}
	return "the two are not the same; type the second again"
}

// wipe forgets what was typed.
func (p *passphrase) wipe() {
	p.first.wipe()
	p.second.wipe()
}

func (p *passphrase) view(c canvas) (string, *tea.Cursor) {
	pg := newPage(c)
	if p.once() {
		return p.viewOnce(pg)
	}
	pg.head("Passphrase for the disk", "It is asked for at every start. Without it, or a recovery key, nobody gets at what is on the disk.")
	var cursor *tea.Cursor
	room := min(48, c.w-16)
	for i, label := range []string{"passphrase", "once more"} {
		f := &p.first
		if i == 1 {
			f = &p.second
		}
		text, at := f.view(room, p.show)
		style, mark := c.dim, "  "
		if p.at == i {
			style, mark = c.accent, glyphCursor+" "
			cursor = tea.NewCursor(14+at, pg.row())
		}
		pg.add(style.Render(mark+pad(label, 12)) + text)
		pg.add(blanks(14) + c.rule.Render(strings.Repeat(glyphLine, room)))
	}
	pg.gap()
	keys := c.dim.Render("  "+pad("keyboard", 12)) + or(clean(p.keymap), "as it is")
	if p.known && p.caps {
		keys += c.warn.Render("  ! Caps Lock is on")
	}
	pg.add(keys)
	p.viewStrength(pg)
	pg.gap()
	if p.field().full {
		pg.marked("!", c.warn, "no more fits: the boot prompt takes 512 bytes")
	}
	if p.doubt != "" {
		pg.marked("!", c.warn, p.doubt)
	}
	if p.problem != "" {
		pg.marked("!", c.bad, p.problem)
	}
	return pg.String(), cursor
}

// viewStrength advises; it never blocks.
func (p *passphrase) viewStrength(pg *page) {
	c := pg.c
	if p.first.empty() {
		pg.marked(" ", c.dim, "Four or more unrelated words are strong, and can be typed.")
		return
	}
	s := steps.PassphraseStrength(p.first.bytes())
	full, empty := bar(int64(s.Score), 4, 8)
	ink := [...]ink{c.bad, c.bad, c.warn, c.good, c.good}[s.Score]
	meter := ink.Render(full) + c.dim.Render(empty)
	if c.w >= 60 {
		pg.add(c.dim.Render("  "+pad("strength", 12)) + meter + " " + cut(s.Advice, c.w-23))
	} else {
		pg.add("  " + meter + " " + cut(s.Advice, c.w-11))
	}
}
