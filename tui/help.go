package tui

import (
	"strings"

	bubbleshelp "charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/viewport"
	tea "charm.land/bubbletea/v2"
)

// helpLine is the bottom line: as many keys as fit, and always the key for help
// itself, if there is one.
func helpLine(c canvas, keys []binding) string {
	const gap = "   "
	var line []key.Binding
	last := ""
	for _, k := range keys {
		switch h := k.Help(); {
		case h.Desc == keyHelp.Help().Desc:
			last = c.key(h.Key) + " " + h.Desc
		case !k.hide:
			line = append(line, k.Binding)
		}
	}
	h := bubbleshelp.New()
	h.ShortSeparator = gap
	h.Styles = bubbleshelp.Styles{ShortKey: c.helpKey}
	// With a width of its own, bubbles' help overflows where its ellipsis does not fit.
	for len(line) > 0 && width(h.ShortHelpView(line)) > c.w-2-len(gap)-width(last) {
		line = line[:len(line)-1]
	}
	text := " " + h.ShortHelpView(line)
	if last != "" && len(line) > 0 {
		text += gap
	}
	return text + last
}

// help lists a screen's keys, over the screen.
type help struct {
	open   bool
	scroll scroll
}

func (m *model) openHelp() { m.help = help{open: true, scroll: newScroll()} }

// key scrolls if there is something to scroll to; other keys close.
func (h *help) key(msg tea.KeyPressMsg) {
	if fits := h.scroll.pane.AtTop() && h.scroll.pane.AtBottom(); fits || !keyScroll.is(msg) {
		h.open = false
		return
	}
	h.scroll.key(msg)
}

// view lists every key of a screen. bubbles' own full help neither wraps nor
// scrolls, so it does not fit on 40×12.
func (h *help) view(p *page, keys []binding) {
	p.head("Keys", "")
	var lines []string
	for _, k := range keys {
		show := k.Help().Key
		for _, l := range wrap(or(k.long, k.Help().Desc), p.w-12) {
			lines = append(lines, p.key(pad(show, 10))+l)
			show = ""
		}
	}
	shown, above, below := h.scroll.lines(lines, p.w-2, p.left())
	if above > 0 {
		shown[0] += " " + glyphUp
	}
	if below > 0 {
		shown[len(shown)-1] += " " + glyphDown
	}
	p.add(shown...)
}

// scroll shows lines that may be more than fit.
type scroll struct{ pane viewport.Model }

func newScroll() scroll {
	v := viewport.New()
	v.KeyMap = viewport.KeyMap{Up: keyUp.Binding, Down: keyDown.Binding}
	return scroll{v}
}

func (s *scroll) keys() []binding {
	lines, ends := keyScroll, keyEnds
	lines.do, ends.do = s.key, s.key
	return []binding{lines, ends}
}

func (s *scroll) key(msg tea.KeyPressMsg) {
	switch {
	case keyFirst.is(msg):
		s.pane.GotoTop()
	case keyLast.is(msg):
		s.pane.GotoBottom()
	default:
		s.pane, _ = s.pane.Update(msg)
	}
}

// lines returns the lines that are shown, padded to w columns, and how many are
// above and below them.
func (s *scroll) lines(all []string, w, rows int) (shown []string, above, below int) {
	s.pane.SetWidth(w)
	s.pane.SetHeight(max(1, min(rows, len(all))))
	s.pane.SetContentLines(all)
	shown = strings.Split(s.pane.View(), "\n")
	return shown, s.pane.YOffset(), max(0, len(all)-s.pane.YOffset()-len(shown))
}
