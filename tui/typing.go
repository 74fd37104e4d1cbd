package tui

import (
	"bytes"
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// The passphrase is typed again at every start, with the host's own keymap. If
// another one is loaded now, the same keys may give other characters there.

var keyRetype = bind("F3", "retype", "f3", "ctrl+r").explained("load the keymap of the boot prompt and type it again; also Ctrl+R")

type typingMsg struct {
	typing steps.Typing
	err    error
}

// tryKeys compares the keys of the passphrase under both keymaps.
func (p *passphrase) tryKeys() tea.Cmd {
	p.trying = true
	b, text, typed, boot := p.backend, bytes.Clone(p.first.bytes()), p.keymap, p.host().Keymap
	return func() tea.Msg {
		defer clear(text)
		got, err := b.Typing(context.Background(), text, typed, boot)
		return typingMsg{got, err}
	}
}

// tried goes on if nothing speaks against it. A keymap that cannot be looked
// at does not: the engine warns of it.
func (p *passphrase) tried(msg typingMsg) turn {
	if !p.trying { // has been left and entered again
		return stay
	}
	p.trying = false
	boot := clean(p.host().Keymap)
	switch {
	case msg.err == nil && msg.typing.Missing > 0:
		p.problem = missing(msg.typing, boot) + "; choose another"
	case msg.err == nil && msg.typing.Moved > 0:
		p.doubt = elsewhere(msg.typing, boot) + ". F3 loads it, to type the passphrase again; Enter goes on all the same"
	default:
		return p.take()
	}
	return stay
}

func missing(t steps.Typing, boot string) string {
	return fmt.Sprintf("%s on no key at every start, whose keymap is %s", characters(t.Missing), boot)
}

func elsewhere(t steps.Typing, boot string) string {
	return fmt.Sprintf("%s on other keys at every start, whose keymap is %s", characters(t.Moved), boot)
}

func characters(n int) string {
	if n == 1 {
		return "1 of its characters is"
	}
	return fmt.Sprintf("%d of its characters are", n)
}

// loadBoot loads the boot prompt's keymap.
func (p *passphrase) loadBoot() tea.Cmd {
	b, name := p.backend, p.host().Keymap
	return func() tea.Msg { return bootKeymapMsg{name, b.SetKeymap(context.Background(), name)} }
}

// bootKeymapMsg is a keymapMsg that the keyboard screen does not take for its
// own.
type bootKeymapMsg keymapMsg

// retype starts over once the boot prompt's keymap is loaded.
func (p *passphrase) retype(msg bootKeymapMsg) {
	if msg.err != nil {
		p.problem = engine.NewError("", msg.err).Cause
		return
	}
	p.keymap, p.doubt, p.problem, p.at = msg.name, "", "", 0
	p.wipe()
}
