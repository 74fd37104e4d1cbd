package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"
)

func itoa(n int) string { return strconv.Itoa(n) }

var helpKeys = []binding{bind("any key", "close")}

// helpView lists every key of a screen.
func helpView(c canvas, keys []binding) string {
	p := newPage(c)
	p.head("Keys", "")
	for _, k := range keys {
		text := k.long
		if text == "" {
			text = k.does
		}
		p.add(c.key.Render(pad(k.show, 12)) + cut(text, c.w-12))
	}
	return p.String()
}

var (
	keyLeave   = bind("q", "quit", "q")
	keyKeep    = bind("Esc", "stay", "esc", "enter", "n")
	keyStopNow = bind("s", "stop", "s")
	quitKeys   = []binding{keyLeave, keyKeep}
)

// quitView asks before the program ends, and says what that means now.
func (m *model) quitView(c canvas) string {
	p := newPage(c)
	if m.state == stateInstall && !m.run.ended {
		p.head("Stop the install?", "")
		if m.run.written {
			p.para("The disk is being written to. If you stop now, it is incomplete and will not start; everything is unmounted, and you can start again at once.")
		} else {
			p.para("Nothing has been written to any disk yet. If you stop now, everything stays as it is.")
		}
		p.gap()
		p.add(c.key.Render("s   ")+"stop the install",
			c.key.Render("q   ")+"leave the screens; the install goes on by itself",
			c.key.Render("Esc ")+"stay here")
		return p.String()
	}
	p.head("Quit?", "")
	if m.state < stateInstall {
		p.para("Nothing has been written to any disk.")
	}
	p.gap()
	p.add(c.key.Render("q   ")+"quit", c.key.Render("Esc ")+"stay here")
	return p.String()
}

func (m *model) answerQuit(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case keyLeave.is(msg):
		return tea.Quit
	case keyStopNow.is(msg) && m.state == stateInstall && !m.run.ended:
		m.quit = false
		b := m.backend
		return func() tea.Msg { return stopMsg{b.Stop()} }
	case keyKeep.is(msg):
		m.quit = false
	}
	return nil
}
