package tui

import (
	"fmt"
	"slices"
	"time"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

// install shows the engine at work. It starts it, unless it runs already.
type install struct {
	*session
	full    bool // the log fills the screen
	without bool // the screen asks whether to go on without what the engine waits for
}

// awaits reports whether the engine waits for the operator.
func (i *install) awaits() bool { return i.run.waiting.For != "" && !i.full }

func (i *install) enter() {
	i.without = false
	i.run = run{log: newLogPane(), began: time.Now(), now: time.Now()}
	if i.reattached {
		i.follow()
		return
	}
	a := i.copyAnswers()
	ask(i, func() error {
		defer a.Wipe()
		return i.backend.Start(a)
	}, i.started)
}

// copyAnswers copies the secrets as well: Start wipes its own, and another try
// needs them again.
func (i *install) copyAnswers() steps.Answers {
	a := i.answers
	for _, s := range []*[]byte{&a.Passphrase, &a.RecoveryKey, &a.AgeIdentity, &a.DeployKey} {
		*s = slices.Clone(*s)
	}
	return a
}

func (i *install) started(err error) {
	if sys.CodeOf(err) == sys.CodeBusy { // another console was faster
		i.join()
		err = nil
	}
	if err != nil {
		i.run.failed, i.run.ended = sys.AsFault(err), true
		i.goTo(stateFailure)
		return
	}
	i.follow()
}

func (i *install) keys() []binding {
	full := bind("Enter", "full log", "enter", "z").explained("show the log on the whole screen, and back; also z").
		does(func() { i.full = !i.full })
	switch {
	case i.awaits() && i.without:
		return []binding{
			bind("y", "go without it", "y").explained("go on without it; a warning is shown at the end").does(i.goWithout),
			keyBack.explained("go on waiting").does(func() { i.without = false }),
		}
	case i.awaits():
		without := bind("n", "go without", "n").explained("go on without it; asks first").does(func() { i.without = true })
		return []binding{without, full}
	}
	return append([]binding{full}, i.run.log.keys()...)
}

func (i *install) goWithout() {
	i.without = false
	ask(i, i.backend.GoWithout, func(err error) {
		if err != nil {
			i.note.refuse("The installer could not be reached: " + err.Error())
		}
	})
}

func (i *install) stop() {
	ask(i, i.backend.Stop, func(err error) {
		i.note.set(nil, "Stopping: unmounting and closing what the install opened")
		if err != nil {
			i.note.refuse("The install cannot be stopped: " + err.Error())
		}
	})
}

func (i *install) view(p *page) {
	if i.full {
		p.log(&i.run.log)
		return
	}
	i.viewOverall(p)
	switch {
	case i.awaits():
		i.viewWaiting(p)
	case p.w >= 76 && p.h >= 18:
		i.viewBeside(p)
	default:
		p.add(i.list(p.canvas, p.w, 3)...)
		p.log(&i.run.log)
	}
}

// viewOverall is the top: the host and disk, the time, and how far the install is.
func (i *install) viewOverall(p *page) {
	done := 0
	for _, s := range i.run.steps {
		if s.state == stepDone {
			done++
		}
	}
	title := "Installing " + i.installing()
	if i.run.plan != nil {
		title += " to " + clean(i.run.plan.Target)
	}
	title = or(clean(i.note.text), title)
	clock := span(i.run.now.Sub(i.run.began).Seconds())
	p.gap()
	p.add(p.title(pad(title, p.w-len(clock)-1)) + " " + p.dim(clock))
	n := len(i.run.steps)
	const beside = 18 // columns of the figures
	figures := fmt.Sprintf("%d %%  step %d/%d", i.run.overall.Percent(), min(done+1, n), n)
	p.add(bar(p.accent, i.run.overall.Part(), p.w-beside) + p.dim(padLeft(figures, beside)))
	p.add(i.viewProgress(p.canvas))
	p.gap()
}

// viewProgress is how far the running step is, in its own units.
func (i *install) viewProgress(c canvas) string {
	pr := i.run.progress
	if pr.Total == 0 {
		if i.run.at >= 0 && i.run.at < len(i.run.steps) && !i.run.ended {
			return c.dim(cut(c.spin()+" "+clean(i.run.steps[i.run.at].Does), c.w))
		}
		return ""
	}
	count := fmt.Sprintf("%d of %d %s", pr.Done, pr.Total, pr.Unit)
	switch {
	case pr.Unit == "bytes":
		count = block.FormatSize(pr.Done) + " of " + block.FormatSize(pr.Total)
	case pr.BytesTotal > 0:
		count += ", " + block.FormatSize(pr.Bytes)
	}
	return bar(c.good, ratio(pr.Done, pr.Total), 20) + " " + cut(clean(count+"  "+pr.Label), c.w-21)
}

const listWidth = 22 // of the list of steps beside the log

func (i *install) viewBeside(p *page) {
	list := i.list(p.canvas, listWidth, p.left())
	h := p.left() - 1
	log := i.run.log.view(p.w-listWidth-3, h)
	for n := range p.left() {
		left := ""
		if n < len(list) {
			left = list[n]
		}
		if n == 0 {
			p.add(pad(left, listWidth) + p.rule("├") + i.run.log.title(p.canvas, p.w-listWidth-1))
			continue
		}
		p.add(pad(left, listWidth) + p.rule("│ ") + log[n-1])
	}
}

// viewWaiting is what the engine needs of the operator, in the place of the log.
func (i *install) viewWaiting(p *page) {
	p.marked("!", p.warn, "The install waits for "+clean(i.run.waiting.For))
	p.gap()
	if i.without {
		p.para(p.text, "Go on without it? The installed system starts, but cannot open its secrets until you put it there by hand.")
		p.gap()
		p.add("Press " + p.key("y") + " to go on without it, " + p.key("Esc") + " to go on waiting.")
		return
	}
	// The engine warns of what it received and refused.
	if n := len(i.run.warnings); n > i.run.before {
		p.marked("!", p.bad, clean(i.run.warnings[n-1]))
		p.gap()
	}
	for _, line := range i.run.waiting.How {
		line = clean(line)
		style := p.text
		if len(line) > 0 && line[0] == ' ' {
			style = p.accent // a command, or what the operator compares
		}
		if width(line) <= p.w {
			p.add(style(line))
			continue
		}
		p.para(style, line)
	}
}

// list is the steps that fit, those around the running one.
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
		out = append(out, style(mark+" "+pad(clean(string(s.Name)), w-10))+c.dim(padLeft(took, 7)))
	}
	return out
}

// span is a duration in words.
func span(seconds float64) string {
	s := int(max(0, seconds))
	if s < 60 {
		return fmt.Sprintf("%d s", s)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
