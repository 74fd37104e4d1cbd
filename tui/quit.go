package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
)

// quit is the question before the program ends, over the screen. A kiosk has
// nothing below it, so there it is about the machine.
type quit struct {
	open bool
	note string
	bad  bool // the note is of something that failed
}

var (
	keyLeave   = bind("q", "quit", "q")
	keyStay    = bind("Esc", "stay", "esc", "enter", "n").explained("stay; also Enter and n")
	keyStopNow = bind("s", "stop", "s")

	keyPowerOff = bind("p", "power off", "p")
	keyRestart  = bind("r", "restart", "r")
	keyShell    = bind("c", "shell", "c")
)

// quitKeys are the answers to the quit question.
func (m *model) quitKeys() []binding {
	switch {
	case m.opts.Kiosk && m.running():
		return []binding{keyStopNow, keyShell, keyStay}
	case m.opts.Kiosk:
		return []binding{keyPowerOff, keyRestart, keyShell, keyStay}
	case m.running():
		return []binding{keyStopNow, bind("q", "leave", keyLeave.keys...), keyStay}
	}
	return []binding{keyLeave, keyStay}
}

// running tells whether there is an install to stop.
func (m *model) running() bool { return m.state == stateInstall && !m.run.ended }

// quitView asks before the program ends, and says what that means now.
func (m *model) quitView(c canvas) string {
	p := newPage(c)
	option := func(b binding, does string) { p.add(c.key.Render(pad(b.show, 5)) + cut(does, c.w-5)) }
	if m.running() {
		p.head("Stop the install?", "")
		switch {
		case m.run.proving():
			p.para(c.warn, "Everything is written, and is being proven. If you stop now, nothing tells whether the disk will start; it is unmounted, and you can continue at once.")
		case m.run.written:
			p.para(c.warn, "The disk is being written to. If you stop now, it is incomplete and will not start; it is unmounted, and you can begin again at once.")
		default:
			p.para(c.text, "Nothing has been written to any disk yet. If you stop now, all stays as it is.")
		}
		p.add("")
		option(keyStopNow, "stop the install")
		if !m.opts.Kiosk {
			option(keyLeave, "leave; the install goes on by itself")
		}
	} else {
		m.quitEnded(p)
		p.add("")
		if m.opts.Kiosk {
			option(keyPowerOff, "power off")
			option(keyRestart, "restart")
		} else {
			option(keyLeave, "quit")
		}
	}
	if m.opts.Kiosk {
		option(keyShell, "rescue shell, "+m.shellBack())
	}
	option(keyStay, "stay here")
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

// quitEnded is what it means to leave while nothing is installed.
func (m *model) quitEnded(p *page) {
	head := "Quit?"
	if m.opts.Kiosk {
		head = "Leave the installer?"
	}
	p.head(head, "")
	switch {
	case m.state < stateInstall || m.state == stateFailure && !m.run.written:
		p.para(p.c.text, "Nothing has been written to any disk. What you answered is forgotten.")
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

// shellBack says how to come back from the rescue shell.
func (s *session) shellBack() string {
	if s.opts.Kiosk && s.opts.Console {
		return "on tty2; Alt+F1 comes back here"
	}
	return "exit comes back here"
}

func (m *model) answerQuit(msg tea.KeyPressMsg) tea.Cmd {
	b := m.backend
	power := func(reboot bool) tea.Cmd {
		m.quit.note, m.quit.bad = "The machine will "+verb(reboot)+" now.", false
		return func() tea.Msg { return leaveMsg{b.Power(context.Background(), reboot)} }
	}
	kiosk, running := m.opts.Kiosk, m.running()
	switch {
	case keyStopNow.is(msg) && running:
		m.quit = quit{}
		return func() tea.Msg { return stopMsg{b.Stop()} }
	case keyStay.is(msg):
		m.quit = quit{}
	case kiosk && keyShell.is(msg):
		return m.shell()
	case kiosk && !running && keyPowerOff.is(msg):
		return power(false)
	case kiosk && !running && keyRestart.is(msg):
		return power(true)
	case !kiosk && keyLeave.is(msg):
		return tea.Quit
	}
	return nil
}

// leaveMsg is how it went to power off or to restart.
type leaveMsg struct{ err error }

// told takes how it went what the quit question was answered with.
func (q *quit) told(err error) {
	if q.open && err != nil {
		q.note, q.bad = engine.NewError("", err).Cause, true
	}
}

func verb(reboot bool) string {
	if reboot {
		return "restart"
	}
	return "power off"
}

// shell gives a rescue shell. On a kiosk's virtual console it is on another one,
// so that this one never shows a prompt.
func (s *session) shell() tea.Cmd {
	b, kiosk := s.backend, s.opts.Kiosk
	return func() tea.Msg {
		if kiosk {
			if shown, err := b.ToRescue(); shown || err != nil {
				return shellMsg{err}
			}
		}
		return openMsg{b.Shell()}
	}
}
