package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"
)

// quit is the question before the program ends, over the screen. A kiosk's console
// belongs to the installer, so there it is about the machine.
type quit struct {
	open bool
	note note
}

// running reports whether there is an install to stop.
func (m *model) running() bool { return m.state == stateInstall && !m.run.ended }

// quitView asks, and says what leaving or stopping means now.
func (m *model) quitView(p *page) {
	m.viewConsequence(p)
	p.add("")
	p.keys(m.quitKeys(), 5)
	p.note(m.quit.note)
}

func (m *model) viewConsequence(p *page) {
	if m.running() {
		p.head("Stop the install?", "")
		switch {
		case m.run.proving():
			p.para(p.warn, "Everything is written. If you stop now, nothing has proven that the disk will start. "+
				"The installer unmounts it; you can resume at once.")
		case m.run.written:
			p.para(p.warn, "The installer writes to the disk. If you stop now, the disk is incomplete and will not start. "+
				"The installer unmounts it; you can start again at once.")
		default:
			p.para(p.text, "Nothing has been written to any disk yet. If you stop now, every disk stays as it is.")
		}
		return
	}
	head := "Quit?"
	if m.opts.Kiosk {
		head = "Leave the installer?"
	}
	p.head(head, "")
	switch {
	case m.state < stateInstall || m.state == stateFailure && !m.run.written:
		p.para(p.text, "Nothing has been written to any disk. The installer forgets your answers.")
	case m.state == stateDone:
		about := "The install is complete."
		if !m.opts.Kiosk {
			about += " The machine stays on."
		}
		p.para(p.text, about)
	default:
		p.para(p.warn, m.left()+" The log is kept until the machine is switched off.")
	}
}

// quitKeys are the answers to the quit question.
func (m *model) quitKeys() []binding {
	shell := bind("c", "shell", "c").explained("rescue shell, " + m.shellBack()).does(func() {
		m.shell(m.session, func(err error) {
			m.quit.note.set(err, "")
			m.quit.open = m.quit.open && err != nil
		})
	})
	staying := bind("Esc", "stay", "esc", "enter", "n").explained("stay here").does(func() { m.quit = quit{} })
	stop := bind("s", "stop", "s").explained("stop the install").does(func() {
		m.quit = quit{}
		m.screens[stateInstall].(*install).stop()
	})
	leave := bind("q", "quit", "q").does(func() { m.start(tea.Quit) })
	switch {
	case m.opts.Kiosk && m.running():
		return []binding{stop, shell, staying, m.keyRedraw()}
	case m.opts.Kiosk:
		return []binding{
			bind("p", "power off", "p").does(func() { m.power(false) }),
			bind("r", "restart", "r").does(func() { m.power(true) }), shell, staying, m.keyRedraw(),
		}
	case m.running():
		leave.SetHelp("q", "leave")
		return []binding{stop, leave.explained("leave; the install goes on by itself"), staying, m.keyRedraw()}
	}
	return []binding{leave, staying, m.keyRedraw()}
}

func (m *model) power(reboot bool) {
	does := "The machine will " + powerVerb(reboot) + " now."
	m.quit.note.set(nil, does)
	ask(m.session, func() error { return m.backend.Power(context.Background(), reboot) },
		func(err error) { m.quit.note.set(err, does) })
}
