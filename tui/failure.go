package tui

import (
	"context"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/savelog"
	"auto-installer/internal/sys"
)

// failure says what failed, and offers what can be done now.
type failure struct {
	*session
	at      int
	places  []savelog.Place // where the log can be saved
	asking  bool            // the list of places is shown
	log     bool            // the log fills the screen
	leaving bool            // to start over
}

func (f *failure) enter() {
	f.at, f.asking, f.log, f.leaving = 0, false, false, false
}

func (f *failure) choices() []offer {
	var all []offer
	if f.asking {
		for _, p := range f.places {
			about := p.FSType + " " + block.FormatSize(p.Size) + " " + p.Disk
			all = append(all, offer{clean(p.Device + " " + p.Label), clean(about), func() { f.save(p) }})
		}
		return all
	}
	if !f.reattached || f.answers.Disk.Path != "" {
		switch {
		case f.run.kept:
			all = append(all, offer{"Try again from this step", "keeps what is done", func() { f.retry(true) }})
		case !f.run.written:
			all = append(all, offer{"Try again", "with the same answers", func() { f.retry(false) }})
		}
	}
	return append(all,
		offer{"Start over", "from the first question", f.startOver},
		offer{"Read the log", "its newest " + count(len(f.run.log.lines), "line"), func() { f.log = true }},
		offer{"Save the log", "to a stick or another disk; it holds no secrets", f.findPlaces},
		offer{"Rescue shell", f.shellBack(), func() { f.shell(f, func(err error) { f.note.set(err, "") }) }},
		offer{"Power off", "", f.off},
	)
}

func (f *failure) keys() []binding {
	if f.log {
		return append(f.run.log.keys(), keyBack.explained("back to the choices").does(func() { f.log = false }))
	}
	all := f.choices()
	ks, does := moves(&f.at, len(all), nil), all[f.at].do
	if f.asking {
		return append(ks, bind("Enter", "save", "enter").explained("save the log there").does(does),
			keyBack.explained("save no log").does(func() { f.asking, f.at = false, 0 }))
	}
	return append(ks, bind("Enter", "do it", "enter").explained("do what is chosen").does(does))
}

func (f *failure) retry(resume bool) {
	f.reattached, f.elsewhere, f.answers.Resume = false, false, f.answers.Resume || resume
	f.goTo(stateInstall)
}

// startOver cleans up after the failed install first: the disks are then listed
// as they are.
func (f *failure) startOver() {
	if f.leaving {
		return
	}
	f.leaving = true
	f.note.set(nil, "Unmounting and closing what the install left open")
	ask(f, f.backend.PutAway, func(err error) {
		f.leaving = false
		if f.note.set(err, ""); err == nil {
			f.reattached, f.elsewhere = false, false
			f.goTo(stateWelcome)
		}
	})
}

func (f *failure) findPlaces() {
	target := ""
	if f.run.plan != nil {
		target = f.run.plan.Target
	}
	find := func() ([]savelog.Place, error) { return f.backend.Places(context.Background(), target) }
	askTwo(f, find, func(places []savelog.Place, err error) {
		f.places, f.at = places, 0
		if f.asking = err == nil && len(places) > 0; !f.asking {
			f.note.set(err, "No writable file system was found: plug in a stick and try again.")
		}
	})
}

func (f *failure) save(p savelog.Place) {
	f.note.set(nil, "Saving the log")
	save := func() (string, error) { return f.backend.SaveLog(context.Background(), p) }
	askTwo(f, save, func(where string, err error) {
		f.asking, f.at = false, 0
		f.note.set(err, "The log is saved as "+where)
	})
}

func (f *failure) off() {
	ask(f, func() error { return f.backend.Power(context.Background(), false) },
		func(err error) { f.note.set(err, "Powering off") })
}

func (f *failure) view(p *page) {
	if f.log {
		p.log(&f.run.log)
		return
	}
	p.gap()
	what := "The install failed"
	if f.run.failed != nil && f.run.failed.Step != "" {
		what += " at " + clean(f.run.failed.Step)
	}
	p.add(p.bad(cut(what, p.w)))
	if !p.low() {
		left := f.left()
		switch {
		case f.run.killed && f.run.written:
			left += " Starting over unmounts it."
		case f.run.written:
			left += " Everything is unmounted."
		}
		p.para(p.text, left)
	}
	p.gap()
	if !f.asking || !p.low() {
		f.viewCause(p)
	}
	f.viewLast(p)
	f.viewChoices(p)
	p.note(f.note)
}

// viewCause is the error and its hint, as far as the choices leave room.
func (f *failure) viewCause(p *page) {
	if f.run.failed == nil {
		return
	}
	e := newPage(p.canvas)
	e.para(p.text, storeHash.ReplaceAllString(sys.AsFault(f.run.failed).Cause, ""))
	if f.run.failed.Hint != "" {
		e.marked(glyphRight, p.accent, clean(f.run.failed.Hint))
	}
	room := p.left() - f.rows()
	if !p.low() {
		room -= 2
	}
	p.add(e.lines[:max(1, min(len(e.lines), room))]...)
	p.gap()
}

// rows is how many the choices and the note below them take.
func (f *failure) rows() int {
	n := len(f.choices())
	if f.asking {
		n = 1 + min(n, 5)
	}
	if f.note.text != "" {
		n += 2
	}
	return n
}

// viewLast is the last lines of the log, as many as fit.
func (f *failure) viewLast(p *page) {
	l := &f.run.log
	n := min(10, len(l.lines), p.left()-f.rows()-3)
	if f.asking || n < 2 {
		return
	}
	var lines []string
	for i := len(l.lines) - n; i < len(l.lines); i++ {
		lines = append(lines, p.dim(l.rowsOf(i, p.w-4)[0]))
	}
	p.add(p.box("last lines", p.w, lines...)...)
	p.gap()
}

func (f *failure) viewChoices(p *page) {
	room := p.left() // on the lowest screens not all choices fit at once
	if f.asking {
		p.add(p.title("Save the log where?"))
		room -= 4
	}
	p.choices(f.choices(), f.at, 26, max(1, room))
}
