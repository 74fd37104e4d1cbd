package tui

import (
	"context"
	"os/exec"
	"slices"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
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
	log    bool // the log fills the screen
	// leaving: it was chosen to start over.
	leaving bool
}

func newFailure(s *session) *failure { return &failure{session: s} }

func (f *failure) name() string { return "Failed" }

func (f *failure) typing() bool { return f.log && f.run.log.searching }

func (f *failure) keys() []binding {
	switch {
	case f.log && f.run.log.searching:
		return f.run.log.keys()
	case f.log:
		return append(f.run.log.keys(), keyBack.explained("back to what can be done"))
	case f.asking:
		return append(slices.Clone(moves), bind("Enter", "save", "enter").explained("save the log there"), keyBack.explained("save it nowhere"))
	}
	return append(slices.Clone(moves), bind("Enter", "do it", "enter").explained("do what is chosen"))
}

type choice struct {
	label, about string
	do           func(f *failure) (tea.Cmd, turn)
}

// choices are what can be done now.
func (f *failure) choices() []choice {
	cs := []choice{}
	if !f.reattached || f.answers.Disk.Path != "" {
		switch {
		case f.run.kept:
			cs = append(cs, choice{"Try again from this step", "keeps what is done", (*failure).retry})
		case !f.run.written:
			cs = append(cs, choice{"Try again", "with the same answers", (*failure).again})
		}
	}
	return append(cs,
		choice{"Start over", "from the first question", (*failure).over},
		choice{"Read the log", "the newest " + itoa(f.run.log.len()) + " lines of it", (*failure).read},
		choice{"Save the log", "to a stick or another disk; it holds no secrets", (*failure).save},
		choice{"Rescue shell", f.shellBack(), (*failure).shell},
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
	openMsg  struct{ shell *exec.Cmd }
	shellMsg struct{ err error }
	powerMsg struct{ err error }

	putAwayMsg struct{ err error }
)

func (f *failure) enter() tea.Cmd {
	f.at, f.asking, f.log, f.leaving, f.note = 0, false, false, false, ""
	return nil
}

func (f *failure) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case placesMsg:
		f.places, f.at = msg.places, 0
		f.asking = msg.err == nil && len(msg.places) > 0
		if !f.asking {
			f.say(msg.err, "There is no other writable file system: plug in a stick and try again.")
		}
	case logSavedMsg:
		f.asking, f.at = false, 0
		f.say(msg.err, "The log is saved as "+msg.where)
	case openMsg:
		return tea.ExecProcess(msg.shell, func(err error) tea.Msg {
			if _, ok := err.(*exec.ExitError); ok { //nolint:errorlint // the shell's own exit code says nothing
				err = nil
			}
			return shellMsg{err}
		}), stay
	case shellMsg:
		f.say(msg.err, "")
	case putAwayMsg:
		f.leaving = false
		if msg.err == nil {
			f.reattached, f.elsewhere, f.failure = false, false, nil
			return nil, goTo(stateWelcome)
		}
		f.say(msg.err, "")
	case powerMsg:
		f.say(msg.err, "Powering off")
	case tea.KeyPressMsg:
		return f.key(msg)
	}
	return nil, stay
}

func (f *failure) say(err error, note string) {
	f.note, f.bad = note, err != nil
	if err != nil {
		f.note = inWords(err)
	}
}

// inWords is an error and what to do about it, in one line. An engine's own, which
// its events have told, has no words.
func inWords(err error) string {
	e := engine.NewError("", err)
	if e.Hint == "" {
		return e.Cause
	}
	return e.Cause + "; " + e.Hint
}

func (f *failure) key(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	if f.log {
		if !f.run.log.searching && keyBack.is(msg) {
			f.log = false
		} else {
			f.run.log.key(msg)
		}
		return nil, stay
	}
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
		f.note, f.bad = "Saving", false
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
	f.reattached, f.elsewhere = false, false
	return func() tea.Msg { return retryMsg{resume} }, stay
}

// over lets go of what is left before the disks are looked at again.
func (f *failure) over() (tea.Cmd, turn) {
	if f.leaving {
		return nil, stay
	}
	f.leaving, f.note, f.bad = true, "Letting go of what was left", false
	b := f.backend
	return func() tea.Msg { return putAwayMsg{b.PutAway()} }, stay
}

func (f *failure) read() (tea.Cmd, turn) {
	f.log = true
	return nil, stay
}

func (f *failure) save() (tea.Cmd, turn) {
	b := f.backend
	return func() tea.Msg {
		ps, err := b.Places(context.Background())
		return placesMsg{ps, err}
	}, stay
}

func (f *failure) shell() (tea.Cmd, turn) { return f.session.shell(), stay }

func (f *failure) off() (tea.Cmd, turn) {
	b := f.backend
	return func() tea.Msg { return powerMsg{b.Power(context.Background(), false)} }, stay
}
