package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// bundle asks for the passphrase of the keys that the medium carries.
type bundle struct {
	*session
	pass    secret
	show    bool
	opening bool
	problem string
}

func newBundle(s *session) *bundle { return &bundle{session: s} }

func (b *bundle) name() string { return "Keys" }

func (b *bundle) typing() bool { return !b.opened() && !b.opening }

func (b *bundle) skip() bool { return b.chosen && b.answers.Bundle == nil }

// opened tells whether the keys are there already.
func (b *bundle) opened() bool { return b.answers.AgeIdentity != nil }

var (
	keyOpen  = bind("Enter", "open", "enter").explained("open the keys")
	keyLater = bind("F3", "without", "f3", "ctrl+n").explained("go on without: the age identity is then asked for later; also Ctrl+N")
)

func (b *bundle) keys() []binding {
	switch {
	case b.opened():
		return []binding{keyNext, keyBack}
	case b.opening:
		return []binding{keyBack}
	}
	return []binding{keyOpen, keyShow, keyErase, keyLater, keyBack}
}

type bundleMsg struct {
	host string
	keys steps.Keys
	err  error
}

func (b *bundle) enter() tea.Cmd {
	b.show, b.problem = false, ""
	b.pass.wipe()
	return nil
}

func (b *bundle) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case bundleMsg:
		return nil, b.took(msg)
	case tea.PasteMsg:
		if !b.opened() && !b.opening {
			b.pass.insert(msg.Content)
			b.problem = ""
		}
	case tea.KeyPressMsg:
		return b.key(msg)
	}
	return nil, stay
}

// took takes the keys, if they are still wanted.
func (b *bundle) took(msg bundleMsg) turn {
	b.opening = false
	if msg.host != b.host().TargetHost || b.opened() {
		msg.keys.Wipe()
		return stay
	}
	if msg.err != nil {
		b.problem = inWords(msg.err)
		return stay
	}
	b.answers.TakeKeys(msg.keys)
	return next
}

func (b *bundle) key(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	switch {
	case keyBack.is(msg):
		return nil, back
	case b.opened():
		if keyNext.is(msg) {
			return nil, next
		}
	case b.opening:
	case keyLater.is(msg):
		b.pass.wipe()
		return nil, next
	case keyShow.is(msg):
		b.show = !b.show
	case keyOpen.is(msg):
		return b.open(), stay
	case b.pass.key(msg):
		b.problem = ""
	}
	return nil, stay
}

// open hands a copy of the passphrase over; both are wiped.
func (b *bundle) open() tea.Cmd {
	if b.pass.empty() {
		b.problem = "the passphrase is empty"
		return nil
	}
	backend, host, sealed, pass := b.backend, b.host().TargetHost, b.answers.Bundle, slices.Clone(b.pass.bytes())
	b.pass.wipe()
	b.opening, b.problem = true, ""
	return func() tea.Msg {
		defer clear(pass)
		keys, err := backend.OpenBundle(host, sealed, pass)
		return bundleMsg{host, keys, err}
	}
}

func (b *bundle) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	host := clean(b.host().TargetHost)
	p.head("The keys of "+host, "This medium carries the age identity of "+host+" and the deploy key of its config repo, sealed with a passphrase.")
	if b.opened() {
		p.marked(glyphDone, c.good, "The keys are open.")
		return p.String(), nil
	}
	if b.opening {
		p.add(c.dim.Render(c.spin() + " opening"))
		return p.String(), nil
	}
	room := min(48, c.w-16)
	text, at := b.pass.view(room, b.show)
	cursor := tea.NewCursor(14+at, p.row())
	p.add(c.accent.Render(glyphCursor+" "+pad("passphrase", 12)) + text)
	p.add(blanks(14) + c.rule.Render(strings.Repeat(glyphLine, room)))
	p.gap()
	p.add(c.dim.Render("  "+pad("keyboard", 12)) + or(clean(b.keymap), "as it is"))
	p.gap()
	if b.problem != "" {
		p.marked("!", c.bad, cut(clean(b.problem), 3*c.w))
	}
	return p.String(), cursor
}
