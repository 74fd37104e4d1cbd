package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
)

// An install that is continued has its container already: the passphrase is
// typed once, and must open it.

type openedMsg struct {
	try int
	err error
}

// open hands a copy of the passphrase over, which is wiped.
func (p *passphrase) open() tea.Cmd {
	p.trying, p.problem = true, ""
	p.tries++
	b, a, try := p.backend, p.answers, p.tries
	a.Passphrase, a.RecoveryKey = slices.Clone(p.first.bytes()), nil
	return func() tea.Msg {
		defer clear(a.Passphrase)
		return openedMsg{try, b.TryPassphrase(context.Background(), a)}
	}
}

// opened goes on with a passphrase that opens the container.
func (p *passphrase) opened(msg openedMsg) turn {
	if !p.trying || msg.try != p.tries || !p.once() { // has been left and entered again
		return stay
	}
	p.trying = false
	if msg.err == nil {
		return p.take()
	}
	p.problem = engine.NewError("", msg.err).Cause
	if engine.IsUsage(msg.err) {
		p.problem = "it does not open the disk: look at the keyboard and Caps Lock, and type it again, or go back and start over"
	}
	p.wipe()
	return stay
}

func (p *passphrase) viewOnce(pg *page) (string, *tea.Cursor) {
	c := pg.c
	pg.head("Passphrase of the disk", "The install that is continued has encrypted the disk with it. Nothing goes on before it opens.")
	room := min(48, c.w-16)
	text, at := p.first.view(room, p.show)
	cursor := tea.NewCursor(14+at, pg.row())
	pg.add(c.accent.Render(glyphCursor+" "+pad("passphrase", 12)) + text)
	pg.add(blanks(14) + c.rule.Render(strings.Repeat(glyphLine, room)))
	pg.gap()
	keys := c.dim.Render("  "+pad("keyboard", 12)) + or(clean(p.keymap), "as it is")
	if p.known && p.caps {
		keys += c.warn.Render("  ! Caps Lock is on")
	}
	pg.add(keys)
	pg.gap()
	switch {
	case p.trying:
		pg.add(c.dim.Render(c.spin() + " trying it"))
	case p.first.full:
		pg.marked("!", c.warn, "no more fits: the boot prompt takes 512 bytes")
	}
	if p.problem != "" {
		pg.marked("!", c.bad, cut(clean(p.problem), 3*c.w))
	}
	return pg.String(), cursor
}
