package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
)

// state is the screen that is shown, or where a screen wants to go.
type state int

// The screens, in the order of an install.
const (
	stay state = iota
	next
	back
	stateWelcome
	stateKeyboard
	stateBundle
	stateNetwork
	stateDisk
	stateUnfinished
	statePlan
	statePassphrase
	stateRecovery
	stateConfirm
	stateInstall
	stateFailure
	stateDone
	states // how many
)

// String is the screen's name in the header.
func (s state) String() string {
	return [states]string{
		"", "", "", "Welcome", "Keyboard", "Keys", "Network", "Disk", "Unfinished", "Plan", "Passphrase", "Recovery key",
		"Confirm", "Install", "Failed", "Done",
	}[s]
}

// screen is one screen. It keeps its own answers between visits.
type screen interface {
	// enter is called each time that the screen is shown.
	enter()
	keys() []binding
	view(p *page)
}

// What only some screens do.
type (
	typist  interface{ input() *field } // the field that the keys type into, or nil
	editor  interface{ edited() }       // is called when that field was edited
	skipper interface{ skip() bool }    // is not always needed
	ticker  interface{ tick() }         // changes with time
)

// settle goes where the screen wants to go, and returns the commands that are to be
// started.
func (m *model) settle() tea.Cmd {
	if to := m.to; to != stay {
		switch m.to = stay; to {
		case next:
			to = m.after(m.state)
		case back:
			to = m.before(m.state)
		}
		m.state, m.note, m.help, m.quit = to, note{}, help{}, quit{}
		m.shown().enter()
	}
	cmds := m.cmds
	m.cmds = nil
	return tea.Batch(cmds...)
}

func (m *model) skips(s state) bool {
	k, ok := m.screens[s].(skipper)
	return ok && k.skip()
}

// after is the next screen that is needed.
func (m *model) after(s state) state {
	for s++; s < stateInstall && m.skips(s); s++ {
	}
	return s
}

// before is the previous screen that is needed; from the install on, there is no
// way back.
func (m *model) before(s state) state {
	if s > stateConfirm {
		return s
	}
	for s--; s > stateWelcome && m.skips(s); s-- {
	}
	return max(s, stateWelcome)
}

// where is the screen's name, with its number among those of this install.
func (m *model) where() string {
	name := m.state.String()
	if m.state >= stateInstall {
		return name
	}
	at, n := 0, 0
	for s := stateWelcome; s < stateInstall; s++ {
		if m.skips(s) {
			continue
		}
		if n++; s <= m.state {
			at++
		}
	}
	return fmt.Sprintf("%s %d/%d", name, at, n)
}

func (m *model) headed() string {
	if m.state >= stateInstall {
		return m.installing()
	}
	return m.host().TargetHost
}

// The program may run on several consoles at once, and one machine installs one
// host at a time. Screens that still ask questions look whether another console
// has started an install, and follow it.

// lookEvery is how many ticks pass between two looks.
const lookEvery = 4

func (m *model) look() {
	if m.ticks%lookEvery == 0 && m.asks() {
		ask(m.session, m.backend.Running, m.seen)
	}
}

// asks reports whether the screens wait for the operator, not for an install.
func (m *model) asks() bool { return m.state < stateInstall || m.state == stateFailure }

// seen joins another console's install at the second look: an install that has
// failed may hold its lock for a moment after its failure is shown.
func (m *model) seen(running bool) {
	if !running || !m.asks() {
		m.busy = 0
		return
	}
	if m.busy++; m.busy == 2 {
		m.busy = 0
		m.join()
		m.goTo(stateInstall)
	}
}
