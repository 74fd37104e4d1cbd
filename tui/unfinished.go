package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// unfinished is shown if an install of the same host was interrupted on the disk:
// continue it, if it is proven to be this installer's work, or start over.
type unfinished struct {
	*session
	at int
}

func newUnfinished(s *session) *unfinished { return &unfinished{session: s} }

func (u *unfinished) name() string { return "Unfinished" }

// choices are what can be done, the proposed one first. What nothing proves is
// not continued.
func (u *unfinished) choices() [][2]string {
	over := [2]string{"Start over", "writes everything on the disk again"}
	if u.begun == nil || !u.begun.Proven() {
		return [][2]string{over}
	}
	return [][2]string{{resumes, "keeps what is done; the rest is done, and all is proven"}, over}
}

const resumes = "Continue"

// chosen is the choice with the cursor.
func (u *unfinished) chosen() string {
	all := u.choices()
	return all[min(u.at, len(all)-1)][0]
}

func (u *unfinished) skip() bool { return u.begun == nil }

func (u *unfinished) keys() []binding {
	return append(slices.Clone(moves), keyNext.explained("take what is chosen; nothing is written yet"), keyBack)
}

// begunMsg is the unfinished install on a disk, or nil.
type begunMsg struct {
	disk  string
	begun *steps.Unfinished
}

// lookForBegun looks for an unfinished install on the disk that was chosen.
func (s *session) lookForBegun() tea.Cmd {
	b, a := s.backend, s.answers
	return func() tea.Msg { return begunMsg{a.Disk.Path, b.Unfinished(a)} }
}

// once tells whether the passphrase is that of a container which is there.
func (s *session) once() bool { return s.answers.Resume && s.begun != nil && s.begun.Encrypted }

func (u *unfinished) enter() tea.Cmd { return nil }

func (u *unfinished) update(msg tea.Msg) (tea.Cmd, turn) {
	key, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, stay
	}
	if to := moved(key, u.at, len(u.choices())); to != u.at {
		u.at = to
		return nil, stay
	}
	switch {
	case keyBack.is(key):
		return nil, back
	case keyNext.is(key):
		u.resume(u.chosen() == resumes)
		return nil, next
	}
	return nil, stay
}

// resume decides. A container that is there has its keys already.
func (s *session) resume(yes bool) {
	s.answers.Resume, s.plan = yes, nil
	if s.once() {
		clear(s.answers.RecoveryKey)
		s.answers.RecoveryKey = nil
	}
}

func (u *unfinished) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	b := u.begun
	if b == nil {
		return p.String(), nil
	}
	about := "It was interrupted. What was done can be kept."
	if !b.Proven() {
		about = "It was interrupted, and cannot be continued."
	}
	p.head("An unfinished install is on this disk", about)
	fact := func(name, value string) { p.add(c.dim.Render(pad(name, 8)) + cut(clean(value), c.w-8)) }
	fact("host", b.Host)
	fact("done", itoa(b.Done)+" of "+count(b.Of, "step")+", the last is "+string(b.Last))
	fact("on", b.Time.UTC().Format("2006-01-02 15:04")+" UTC")
	p.gap()
	for _, row := range u.choices() {
		mark, style := "  ", c.text
		if row[0] == u.chosen() {
			mark, style = glyphCursor+" ", c.selected
		}
		about := ""
		if c.w >= 60 {
			about = c.dim.Render(cut(row[1], c.w-18))
		}
		p.add(style.Render(mark+pad(row[0], 16)) + about)
	}
	p.gap()
	switch {
	case !b.Proven():
		p.para(c.dim, "The reason: "+steps.Unproven+".")
	case b.Encrypted && u.chosen() == resumes:
		p.para(c.dim, "The passphrase is asked for once, and must be the one of the unfinished install.")
	}
	return p.String(), nil
}
