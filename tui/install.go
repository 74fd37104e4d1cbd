package tui

import (
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// install shows the engine at work. It starts it, unless it runs already.
type install struct {
	*session
	full    bool // the log fills the screen
	resume  bool // continue what an earlier engine began
	without bool // the operator was asked whether to go on without what is awaited
	note    string
}

func newInstall(s *session) *install {
	s.run.log = newLogPane()
	return &install{session: s}
}

func (i *install) name() string { return "Install" }

func (i *install) typing() bool { return i.run.log.searching }

var keyFull = bind("Enter", "full log", "enter", "z").explained("the log on the whole screen, and back; also z")

func (i *install) keys() []binding {
	switch {
	case i.run.log.searching:
		return i.run.log.keys()
	case i.awaits() && i.without:
		return []binding{keySure, keyBack.explained("go on waiting")}
	case i.awaits():
		return []binding{keyWithout, keyFull}
	}
	return append([]binding{keyFull}, i.run.log.keys()...)
}

var (
	keyWithout = bind("n", "go without", "n").explained("go on without what is awaited; asks first")
	keySure    = bind("y", "go without it", "y").explained("go on without it, and be warned of it at the end")
)

// awaits tells whether the engine waits for the operator.
func (i *install) awaits() bool { return i.run.waiting.For != "" && !i.full }

type (
	startedMsg struct{ err error }
	stopMsg    struct{ err error }
	withoutMsg struct{ err error }
)

func (i *install) enter() tea.Cmd {
	i.note, i.without = "", false
	i.run = run{log: newLogPane(), began: time.Now(), now: time.Now()}
	if i.reattached {
		return follow(i.backend)
	}
	b, a, resume := i.backend, i.withSecrets(), i.resume
	i.resume = false
	return func() tea.Msg {
		defer a.Wipe()
		return startedMsg{b.Start(a, resume)}
	}
}

// withSecrets is the answers with copies of the secrets, for an engine: what
// it is given is wiped, and another try needs them again.
func (i *install) withSecrets() steps.Answers {
	a := i.answers
	for _, s := range []*[]byte{&a.Passphrase, &a.RecoveryKey, &a.AgeIdentity, &a.DeployKey} {
		*s = slices.Clone(*s)
	}
	return a
}

func (i *install) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case startedMsg:
		if engine.IsBusy(msg.err) {
			// Another console was faster.
			i.join()
			return follow(i.backend), stay
		}
		if msg.err != nil {
			i.failure = engine.NewError("", msg.err)
			i.run.ended = true
			return nil, goTo(stateFailure)
		}
		return follow(i.backend), stay
	case stopMsg:
		i.note = "Stopping; what was begun is undone"
		if msg.err != nil {
			i.note = "Cannot stop it: " + clean(msg.err.Error())
		}
	case tickMsg:
		if !i.run.ended && time.Since(i.run.now) > tickEvery {
			i.run.now = time.Now()
		}
	case withoutMsg:
		if msg.err != nil {
			i.note = "It is not told: " + clean(msg.err.Error())
		}
	case tea.KeyPressMsg:
		return i.key(msg), stay
	}
	return nil, stay
}

func (i *install) key(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case i.run.log.searching:
	case i.awaits() && i.without:
		i.without = !keySure.is(msg) && !keyBack.is(msg)
		if keySure.is(msg) {
			b := i.backend
			return func() tea.Msg { return withoutMsg{b.GoWithout()} }
		}
		return nil
	case i.awaits() && keyWithout.is(msg):
		i.without = true
		return nil
	case keyFull.is(msg):
		i.full = !i.full
		return nil
	}
	i.run.log.key(msg)
	return nil
}

func (i *install) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	if i.full {
		i.viewLog(p)
		return p.String(), nil
	}
	i.viewOverall(p)
	if i.awaits() {
		i.viewWaiting(p)
		return p.String(), nil
	}
	if c.w >= 76 && c.h >= 18 {
		i.viewBeside(p)
	} else {
		i.viewBelow(p)
	}
	return p.String(), nil
}

// viewOverall is the line on top: what runs, since when, and how far it is.
func (i *install) viewOverall(p *page) {
	c := p.c
	done := 0
	for _, s := range i.run.steps {
		if s.state == stepDone {
			done++
		}
	}
	title := "Installing " + i.target()
	if i.note != "" {
		title = i.note
	}
	clock := span(i.run.now.Sub(i.run.began).Seconds())
	p.gap()
	p.add(c.title.Render(pad(title, c.w-len(clock)-1)) + " " + c.dim.Render(clock))
	n := len(i.run.steps)
	const beside = 18 // columns of the figures
	full, empty := barOf(i.run.overall.Part(), c.w-beside)
	figures := fmt.Sprintf("%d %%  step %d/%d", i.run.overall.Percent(), min(done+1, n), n)
	p.add(c.accent.Render(full) + c.rule.Render(empty) + c.dim.Render(padLeft(figures, beside)))
	p.add(i.viewProgress(c))
	p.gap()
}

func (i *install) target() string {
	if i.run.plan != nil {
		return clean(i.run.plan.Host + " to " + i.run.plan.Target)
	}
	return i.host().TargetHost
}

// viewProgress is how far the running step is, in its own units.
func (i *install) viewProgress(c canvas) string {
	pr := i.run.progress
	if pr.Total == 0 {
		if i.run.at >= 0 && i.run.at < len(i.run.steps) && !i.run.ended {
			return c.dim.Render(cut(c.spin()+" "+clean(i.run.steps[i.run.at].does), c.w))
		}
		return ""
	}
	count := fmt.Sprintf("%d of %d %s", pr.Done, pr.Total, pr.Unit)
	switch {
	case pr.Unit == "bytes":
		count = steps.Size(pr.Done) + " of " + steps.Size(pr.Total)
	case pr.BytesTotal > 0:
		count += ", " + steps.Size(pr.Bytes)
	}
	full, empty := bar(pr.Done, pr.Total, 20)
	return c.good.Render(full) + c.rule.Render(empty) + " " + cut(clean(count+"  "+pr.Label), c.w-21)
}

// listWidth is that of the list of steps beside the log.
const listWidth = 22

func (i *install) viewBeside(p *page) {
	c := p.c
	list := i.list(c, listWidth, p.left())
	h := p.left() - 1
	log := i.run.log.view(c, c.w-listWidth-3, h)
	for n := range p.left() {
		left := ""
		if n < len(list) {
			left = list[n]
		}
		if n == 0 {
			p.add(pad(left, listWidth) + c.rule.Render("├") + i.run.log.title(c, c.w-listWidth-1))
			continue
		}
		p.add(pad(left, listWidth) + c.rule.Render("│ ") + log[n-1])
	}
}

// viewBelow is for narrow and low screens: three steps, then the log.
func (i *install) viewBelow(p *page) {
	c := p.c
	list := i.list(c, c.w, 3)
	p.add(list...)
	p.add(i.run.log.title(c, c.w))
	if h := p.left(); h > 0 {
		p.add(i.run.log.view(c, c.w, h)...)
	}
}

func (i *install) viewLog(p *page) {
	p.add(i.run.log.title(p.c, p.c.w))
	p.add(i.run.log.view(p.c, p.c.w, p.left())...)
}

// list is the steps, those around the running one if there is little room.
func (i *install) list(c canvas, w, room int) []string {
	from, to := window(max(0, i.run.at), len(i.run.steps), room)
	var out []string
	for _, s := range i.run.steps[from:to] {
		mark, style, took := glyphSmall, c.dim, ""
		switch s.state {
		case stepRunning:
			mark, style = c.spin(), c.accent
			took = span(i.run.now.Sub(s.began).Seconds())
		case stepDone:
			mark, style, took = glyphDone, c.good, span(s.seconds)
		case stepFailed:
			mark, style, took = glyphBad, c.bad, span(s.seconds)
		}
		out = append(out, style.Render(mark+" "+pad(clean(string(s.name)), w-10))+c.dim.Render(padLeft(took, 7)))
	}
	return out
}

// span is a duration for people.
func span(seconds float64) string {
	s := int(max(0, seconds))
	if s < 60 {
		return fmt.Sprintf("%d s", s)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
