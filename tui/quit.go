package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// quit is the question before the program ends, over the screen. A kiosk's console
// belongs to the installer, so there it is about the machine.
type quit struct {
	open bool
	note string
	bad  bool // the note is of a failure
}

// running reports whether there is an install to stop.
func (m *model) running() bool { return m.state == stateInstall && !m.run.ended }

// quitView asks, and says what leaving or stopping means now.
func (m *model) quitView(c canvas) string {
	p := newPage(c)
	m.viewConsequence(p)
	p.add("")
	for _, k := range m.quitKeys() {
		h := k.Help()
		does := h.Desc
		switch h.Key {
		case keyStop.Help().Key:
			does = "stop the install"
		case keyShell.Help().Key:
			does = "rescue shell, " + m.shellBack()
		case keyStay.Help().Key:
			does = "stay here"
		case keyLeave.Help().Key:
			if m.running() {
				does = "leave; the install goes on by itself"
			}
		}
		p.add(c.key.Render(pad(h.Key, 5)) + cut(does, c.w-5))
	}
	if m.quit.note != "" {
		p.gap()
		style := c.accent
		if m.quit.bad {
			style = c.bad
		}
		p.para(style, cut(clean(m.quit.note), c.w*max(1, p.left())))
	}
	return p.String()
}

func (m *model) viewConsequence(p *page) {
	if m.running() {
		p.head("Stop the install?", "")
		switch {
		case m.run.proving():
			p.para(p.c.warn, "Everything is written. If you stop now, nothing has proven that the disk will start. The installer unmounts it; you can resume at once.")
		case m.run.written:
			p.para(p.c.warn, "The installer writes to the disk. If you stop now, the disk is incomplete and will not start. The installer unmounts it; you can start again at once.")
		default:
			p.para(p.c.text, "Nothing has been written to any disk yet. If you stop now, every disk stays as it is.")
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
		p.para(p.c.text, "Nothing has been written to any disk. The installer forgets your answers.")
	case m.state == stateDone:
		about := "The install is complete."
		if !m.opts.Kiosk {
			about += " The machine stays on."
		}
		p.para(p.c.text, about)
	default:
		p.para(p.c.warn, m.left()+" The log is kept until the machine is switched off.")
	}
}

func (m *model) answerQuit(msg tea.KeyPressMsg) tea.Cmd {
	kiosk, running := m.opts.Kiosk, m.running()
	switch {
	case keyStop.is(msg) && running:
		m.quit = quit{}
		return m.screens[stateInstall].(*install).stop()
	case keyStay.is(msg):
		m.quit = quit{}
	case kiosk && keyShell.is(msg):
		return m.shell(nil, func(err error) {
			if err == nil {
				m.quit = quit{}
			}
			m.quit.failed(err)
		})
	case kiosk && !running && keyPowerOff.is(msg):
		return m.power(false)
	case kiosk && !running && keyRestart.is(msg):
		return m.power(true)
	case !kiosk && keyLeave.is(msg):
		return tea.Quit
	}
	return nil
}

func (m *model) power(reboot bool) tea.Cmd {
	b := m.backend
	m.quit.note, m.quit.bad = "The machine will "+powerVerb(reboot)+" now.", false
	return ask(nil, func() error { return b.Power(context.Background(), reboot) }, func(err error) (tea.Cmd, turn) {
		m.quit.failed(err)
		return nil, stay
	})
}

// failed shows the failure of an answer to the question.
func (q *quit) failed(err error) {
	if q.open && err != nil {
		q.note, q.bad = steps.NewError("", err).Cause, true
	}
}
