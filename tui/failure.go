package tui

import (
	"context"
	"os/exec"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// failure says what failed and what to do now, and does it.
type failure struct {
	*session
	at     int
	places []steps.Place // where the log can be saved, once asked
	asking bool          // the list of places is shown
	note   string
	bad    bool // the note is of something that failed
}

func newFailure(s *session) *failure { return &failure{session: s} }

func (f *failure) name() string { return "Failed" }

func (f *failure) keys() []binding {
	if f.asking {
		return []binding{keyUp, keyDown, keyNext.explained("save the log there"), keyBack}
	}
	return []binding{keyUp, keyDown, keyNext.explained("do what is chosen")}
}

type choice struct {
	label, about string
	do           func(f *failure) (tea.Cmd, turn)
}

// choices are what can be done now.
func (f *failure) choices() []choice {
	cs := []choice{}
	if !f.reattached || f.answers.Disk.Path != "" {
		if f.run.written {
			cs = append(cs, choice{"Try again from this step", "keeps what is done", (*failure).retry})
		} else {
			cs = append(cs, choice{"Try again", "with the same answers", (*failure).again})
		}
	}
	return append(cs,
		choice{"Start over", "from the first question", (*failure).over},
		choice{"Save the log", "to a stick or another disk; it holds no secrets", (*failure).save},
		choice{"Rescue shell", "exit comes back here", (*failure).shell},
		choice{"Power off", "", (*failure).off},
	)
}

type (
	placesMsg struct {
		places []steps.Place
		err    error
	}
	logSavedMsg struct {
		where string
		err   error
	}
	shellMsg struct{ err error }
	powerMsg struct{ err error }
)

func (f *failure) enter() tea.Cmd {
	f.at, f.asking, f.note = 0, false, ""
	return nil
}

func (f *failure) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case placesMsg:
		f.places, f.at = msg.places, 0
		f.asking = msg.err == nil && len(msg.places) > 0
		if !f.asking {
			f.say(msg.err, "there is no other writable file system: plug in a stick and try again")
		}
	case logSavedMsg:
		f.asking, f.at = false, 0
		f.say(msg.err, "saved as "+msg.where)
	case shellMsg:
		f.say(msg.err, "")
	case powerMsg:
		f.say(msg.err, "powering off")
	case tea.KeyPressMsg:
		return f.key(msg)
	}
	return nil, stay
}

func (f *failure) say(err error, note string) {
	f.note, f.bad = note, err != nil
	if err != nil {
		e := steps.NewError("", err)
		f.note = e.Cause
		if e.Hint != "" {
			f.note += "; " + e.Hint
		}
	}
}

func (f *failure) key(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	n := len(f.choices())
	if f.asking {
		n = len(f.places)
	}
	if to := moved(msg, f.at, n); to != f.at {
		f.at = to
		return nil, stay
	}
	switch {
	case f.asking && keyBack.is(msg):
		f.asking, f.at = false, 0
	case keyNext.is(msg) && f.asking:
		b, p := f.backend, f.places[f.at]
		f.note, f.bad = "saving", false
		return func() tea.Msg {
			where, err := b.SaveLog(context.Background(), p)
			return logSavedMsg{where, err}
		}, stay
	case keyNext.is(msg):
		return f.choices()[f.at].do(f)
	}
	return nil, stay
}

func (f *failure) retry() (tea.Cmd, turn) { return f.start(true) }

func (f *failure) again() (tea.Cmd, turn) { return f.start(false) }

// retryMsg asks the install screen to start again.
type retryMsg struct{ resume bool }

func (f *failure) start(resume bool) (tea.Cmd, turn) {
	f.reattached = false
	return func() tea.Msg { return retryMsg{resume} }, stay
}

func (f *failure) over() (tea.Cmd, turn) {
	f.reattached, f.failure = false, nil
	b := f.backend
	put := func() tea.Msg { _ = b.PutAway(); return nil }
	if len(f.hosts) > 0 && !f.chosen {
		return put, goTo(stateWelcome)
	}
	return put, goTo(stateWelcome)
}

func (f *failure) save() (tea.Cmd, turn) {
	b := f.backend
	return func() tea.Msg {
		ps, err := b.Places(context.Background())
		return placesMsg{ps, err}
	}, stay
}

func (f *failure) shell() (tea.Cmd, turn) {
	return tea.ExecProcess(f.backend.Shell(), func(err error) tea.Msg {
		if _, ok := err.(*exec.ExitError); ok { //nolint:errorlint // the shell's own exit code says nothing
			err = nil
		}
		return shellMsg{err}
	}), stay
}

func (f *failure) off() (tea.Cmd, turn) {
	b := f.backend
	return func() tea.Msg { return powerMsg{b.Power(context.Background(), false)} }, stay
}

func (f *failure) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	p.gap()
	if f.failure == nil {
		p.add(c.bad.Render("The install failed"))
		return p.String(), nil
	}
	what := "The install failed"
	if f.failure.Step != "" {
		what += " at " + f.failure.Step
	}
	p.add(c.bad.Render(what))
	written := "Nothing was written to any disk."
	if f.run.written {
		written = "The disk is incomplete and will not start. Everything is unmounted."
	}
	p.add(c.dim.Render(cut(written, c.w)))
	p.gap()
	room := max(1, p.left()-len(f.choices())-6)
	for i, l := range append(wrap(f.failure.Cause, c.w-7), hintLines(f.failure.Hint, c.w-7)...) {
		if i == room {
			break
		}
		p.add(l)
	}
	p.gap()
	f.viewLast(p)
	f.viewChoices(p)
	if f.note != "" {
		style := c.accent
		if f.bad {
			style = c.bad
		}
		p.add(style.Render(cut(f.note, c.w)))
	}
	return p.String(), nil
}

func hintLines(hint string, w int) []string {
	if hint == "" {
		return nil
	}
	lines := wrap(hint, w-6)
	for i, l := range lines {
		if i == 0 {
			lines[i] = glyphRight + " " + l
		} else {
			lines[i] = "  " + l
		}
	}
	return lines
}

// viewLast shows the last lines of the log, as many as there is room for.
func (f *failure) viewLast(p *page) {
	l := &f.run.log
	n := min(6, l.len(), p.left()-len(f.choices())-4)
	if f.asking || n < 1 {
		return
	}
	var lines []string
	for i := l.len() - n; i < l.len(); i++ {
		lines = append(lines, p.c.dim.Render(cut(l.at(i), p.c.w-4)))
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
		p.add(style.Render(mark+pad(label, 26)) + c.dim.Render(cut(about, c.w-28)))
	}
	if f.asking {
		p.add(c.title.Render("Save the log where?"))
		from, to := window(f.at, len(f.places), max(1, p.left()-1))
		for i := from; i < to; i++ {
			pl := f.places[i]
			row(i, pl.Device+" "+pl.Label, pl.FSType+" "+steps.Size(pl.Size)+" "+steps.CleanText(pl.Disk))
		}
		return
	}
	for i, ch := range f.choices() {
		row(i, ch.label, ch.about)
	}
}
