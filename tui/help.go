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
