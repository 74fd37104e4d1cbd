package tui

import tea "charm.land/bubbletea/v2"

// The program may be on several consoles at once, and one machine installs once.
// Screens that only ask see when another console's install begins, and follow
// it.

// runningMsg tells whether an install runs.
type runningMsg bool

// consolesEvery is how many ticks pass between two looks.
const consolesEvery = 4

// look asks whether an install runs, where that is not known already.
func (m *model) look() tea.Cmd {
	if m.tick%consolesEvery != 0 || !m.asks() {
		return nil
	}
	b := m.backend
	return func() tea.Msg { return runningMsg(b.Running()) }
}

// asks tells whether the screens wait for the operator, not for an install.
func (m *model) asks() bool { return m.state < stateInstall || m.state == stateFailure }

// seen takes an answer. An install that has failed may hold its lock a moment
// longer than it is shown, so once is not enough.
func (m *model) seen(running bool) tea.Cmd {
	if !running || !m.asks() {
		m.busy = 0
		return nil
	}
	if m.busy++; m.busy < 2 {
		return nil
	}
	m.busy = 0
	m.join()
	return m.set(stateInstall)
}
