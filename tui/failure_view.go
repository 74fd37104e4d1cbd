package tui

import (
	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
	"auto-installer/steps"
)

func (f *failure) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	if f.log {
		p.add(f.run.log.title(c, c.w))
		p.add(f.run.log.view(c, c.w, p.left())...)
		return p.String(), nil
	}
	p.gap()
	what := "The install failed"
	if f.failure != nil && f.failure.Step != "" {
		what += " at " + clean(string(f.failure.Step))
	}
	p.add(c.bad.Render(cut(what, c.w)))
	if !c.low() {
		left := f.left()
		switch {
		case f.run.killed && f.run.written:
			left += " Starting over unmounts it."
		case f.run.written:
			left += " Everything is unmounted."
		}
		p.para(c.text, left)
	}
	p.gap()
	if !f.asking || !c.low() {
		f.viewCause(p)
	}
	f.viewLast(p)
	f.viewChoices(p)
	if f.note != "" {
		p.gap()
		style := c.accent
		if f.bad {
			style = c.bad
		}
		p.para(style, cut(clean(f.note), c.w*max(1, p.left())))
	}
	return p.String(), nil
}

// left says what a failed install has left on the disk.
func (s *session) left() string {
	err := s.failed()
	stopped := s.run.killed || engine.IsStopped(err)
	switch {
	case !s.run.written:
		return "Nothing was written to any disk."
	case engine.IsUnproven(err), stopped && s.run.proving():
		return "All is written, but not proven."
	case engine.IsStopped(err):
		return "It was stopped: the disk may be incomplete and not start."
	}
	return "The disk is incomplete and will not start."
}

// failed is the failure as an error, or nil.
func (s *session) failed() error {
	if s.failure == nil {
		return nil
	}
	return s.failure
}

// viewCause is the error and its hint, as much as leaves room for the choices.
func (f *failure) viewCause(p *page) {
	if f.failure == nil {
		return
	}
	c := p.c
	e := newPage(c)
	e.para(c.text, storeHash.ReplaceAllString(engine.NewError("", f.failure).Cause, ""))
	if f.failure.Hint != "" {
		e.marked(glyphRight, c.accent, clean(f.failure.Hint))
	}
	room := p.left() - f.rows()
	if !c.low() {
		room -= 2
	}
	p.add(e.lines[:max(1, min(len(e.lines), room))]...)
	p.gap()
}

// rows is how many the choices and the note below them take.
func (f *failure) rows() int {
	n := len(f.choices())
	if f.asking {
		n = 1 + min(len(f.places), 5)
	}
	if f.note != "" {
		n += 2
	}
	return n
}

// viewLast shows the last lines of the log, as many as there is room for.
func (f *failure) viewLast(p *page) {
	l := &f.run.log
	n := min(10, l.len(), p.left()-f.rows()-3)
	if f.asking || n < 2 {
		return
	}
	var lines []string
	for i := l.len() - n; i < l.len(); i++ {
		lines = append(lines, p.c.dim.Render(l.rowsOf(i, p.c.w-4)[0]))
	}
	p.add(p.c.box("last lines", p.c.w, lines...)...)
	p.gap()
}

func (f *failure) viewChoices(p *page) {
	c := p.c
	row := func(i int, label, about string) {
		mark, style := "  ", c.text
		if i == f.at {
			mark, style = glyphCursor+" ", c.selected
		}
		if w := 26; c.w >= 60 {
			p.add(style.Render(mark+pad(label, w)) + c.dim.Render(cut(about, c.w-w-2)))
		} else {
			p.add(style.Render(mark + pad(label, c.w-2)))
		}
	}
	if f.asking {
		p.add(c.title.Render("Save the log where?"))
		from, to := window(f.at, len(f.places), max(1, p.left()-3))
		for i := from; i < to; i++ {
			pl := f.places[i]
			row(i, clean(pl.Device+" "+pl.Label), clean(pl.FSType+" "+steps.Size(pl.Size)+" "+pl.Disk))
		}
		return
	}
	// On the lowest screens not all choices fit at once.
	cs := f.choices()
	from, to := window(f.at, len(cs), max(1, p.left()))
	for i := from; i < to; i++ {
		row(i, cs[i].label, cs[i].about)
	}
}
