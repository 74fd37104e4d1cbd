package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"
)

func itoa(n int) string { return strconv.Itoa(n) }

var helpKeys = []binding{
	bind("any key", "close"),
	{keys: moves[0].keys, show: moves[0].show, does: "scroll", hide: true},
}

// help is the list of a screen's keys, over the screen.
type help struct {
	open bool
	top  int // first line shown
	rows int // of the last view
	keys int // how many lines they take
}

// key scrolls, as far as there is something to scroll to; other keys close.
func (h *help) key(msg tea.KeyPressMsg) {
	most := max(0, h.keys-h.rows)
	switch {
	case most > 0 && keyUp.is(msg):
		h.top = max(0, h.top-1)
	case most > 0 && keyDown.is(msg):
		h.top = min(most, h.top+1)
	default:
		h.open, h.top = false, 0
	}
}

// view lists every key of a screen.
func (h *help) view(c canvas, keys []binding) string {
	p := newPage(c)
	p.head("Keys", "")
	var lines []string
	for _, k := range keys {
		show := k.show
		for _, l := range wrap(or(k.long, k.does), c.w-12) {
			lines = append(lines, c.key.Render(pad(show, 10))+l)
			show = ""
		}
	}
	h.rows, h.keys = p.left(), len(lines)
	h.top = max(0, min(h.top, h.keys-h.rows))
	for i, line := range lines[h.top:min(h.keys, h.top+h.rows)] {
		switch {
		case i == h.rows-1 && h.top+h.rows < h.keys:
			line = pad(line, c.w-2) + " " + glyphDown
		case i == 0 && h.top > 0:
			line = pad(line, c.w-2) + " " + glyphUp
		}
		p.add(line)
	}
	return p.String()
}

var (
	keyLeave   = bind("q", "quit", "q")
	keyKeep    = bind("Esc", "stay", "esc", "enter", "n").explained("stay; also Enter and n")
	keyStopNow = bind("s", "stop", "s")
)

// quitKeys are the answers to the quit question.
func (m *model) quitKeys() []binding {
	if m.running() {
		return []binding{keyStopNow, bind("q", "leave", keyLeave.keys...), keyKeep}
	}
	return []binding{keyLeave, keyKeep}
}

// running tells whether there is an install to stop.
func (m *model) running() bool { return m.state == stateInstall && !m.run.ended }

// quitView asks before the program ends, and says what that means now.
func (m *model) quitView(c canvas) string {
	p := newPage(c)
	option := func(key, does string) { p.add(c.key.Render(pad(key, 5)) + cut(does, c.w-5)) }
	switch {
	case m.running():
		p.head("Stop the install?", "")
		if m.run.written {
			p.para(c.warn, "The disk is being written to. If you stop now, it is incomplete and will not start; it is let go of, and you can begin again at once.")
		} else {
			p.para(c.text, "Nothing has been written to any disk yet. If you stop now, all stays as it is.")
		}
		p.add("")
		option("s", "stop the install")
		option("q", "leave; the install goes on by itself")
	default:
		p.head("Quit?", "")
		switch {
		case m.state < stateInstall || m.state == stateFailure && !m.run.written:
			p.para(c.text, "Nothing has been written to any disk. What you answered is forgotten.")
		case m.state == stateDone:
			p.para(c.text, "The install is complete. The machine stays on.")
		default:
			p.para(c.warn, "The disk is incomplete and will not start. The log is kept until the machine is switched off.")
		}
		p.add("")
		option("q", "quit")
	}
	option("Esc", "stay here")
	return p.String()
}

func (m *model) answerQuit(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case keyLeave.is(msg):
		return tea.Quit
	case keyStopNow.is(msg) && m.running():
		m.quit = false
		b := m.backend
		return func() tea.Msg { return stopMsg{b.Stop()} }
	case keyKeep.is(msg):
		m.quit = false
	}
	return nil
}
