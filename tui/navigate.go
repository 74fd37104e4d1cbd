package tui

import tea "charm.land/bubbletea/v2"

// key handles the keys that mean the same everywhere, and gives the others to
// the screen.
func (m *model) key(msg tea.KeyPressMsg) tea.Cmd {
	if d, ok := m.screens[m.state].(*done); ok {
		d.held = true // by any key, also one that is not the screen's
	}
	switch {
	case keyRedraw.is(msg):
		return tea.ClearScreen
	case m.quit.open:
		return m.answerQuit(msg)
	case keyQuit.is(msg):
		m.help, m.quit = help{}, quit{open: true}
		return nil
	case m.help.open:
		m.help.key(msg)
		return nil
	case keyHelp.is(msg) && (!m.typing() || keyHelpTyping.is(msg)):
		m.help.open = true
		return nil
	}
	cmd, turn := m.screens[m.state].update(msg)
	return tea.Batch(cmd, m.turn(turn))
}

// typist is a screen that takes text, in which ? is a character.
type typist interface{ typing() bool }

func (m *model) typing() bool {
	t, ok := m.screens[m.state].(typist)
	return ok && t.typing()
}

// turn goes where a screen wants to go.
func (m *model) turn(t turn) tea.Cmd {
	switch t.kind {
	case kindNext:
		return m.set(m.after(m.state))
	case kindBack:
		return m.set(m.before(m.state))
	case kindTo:
		return m.set(t.to)
	}
	return nil
}

func (m *model) set(s state) tea.Cmd {
	m.state, m.help, m.quit = s, help{}, quit{}
	return m.screens[s].enter()
}

// skipper is a screen that is not always needed.
type skipper interface{ skip() bool }

// after is the next screen that is needed.
func (m *model) after(s state) state {
	for s++; s < stateInstall; s++ {
		if k, ok := m.screens[s].(skipper); !ok || !k.skip() {
			break
		}
	}
	return s
}

// before is the screen before, of those before the gate.
func (m *model) before(s state) state {
	if s > stateConfirm {
		return s
	}
	for s--; s > stateWelcome; s-- {
		if k, ok := m.screens[s].(skipper); !ok || !k.skip() {
			return s
		}
	}
	return stateWelcome
}
