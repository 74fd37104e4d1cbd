package tui

import (
	"strconv"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// unfinished is shown if an install of the same host was interrupted on the disk.
// It offers to resume it, if this installer proves to have written it, and to
// start over.
type unfinished struct {
	*session
	at int
}

// choices are what can be done, the proposed one first.
func (u *unfinished) choices() [][2]string {
	over := [2]string{"Start over", "erases the disk and installs again"}
	if u.interrupted == nil || !u.interrupted.Proven() {
		return [][2]string{over}
	}
	return [][2]string{{resumes, "keeps what is done, does the rest, proves everything"}, over}
}

const resumes = "Resume"

// choice is the one under the cursor.
func (u *unfinished) choice() string {
	all := u.choices()
	return all[min(u.at, len(all)-1)][0]
}

func (u *unfinished) skip() bool { return u.interrupted == nil }

func (u *unfinished) enter() tea.Cmd { return nil }

func (u *unfinished) keys() []binding {
	return append(moves(&u.at, len(u.choices()), nil),
		keyNext.explained("do what is chosen; nothing is written yet").does(func() (tea.Cmd, state) {
			u.resume(u.choice() == resumes)
			return nil, next
		}), keyBack)
}

func (u *unfinished) view(p *page) *tea.Cursor {
	c := p.c
	b := u.interrupted
	if b == nil {
		return nil
	}
	under := "It was interrupted. Resuming keeps what it has done."
	if !b.Proven() {
		under = "It was interrupted, and cannot be resumed."
	}
	p.head("An unfinished install is on this disk", under)
	p.fact("host", clean(b.Host))
	p.fact("done", clean(strconv.Itoa(b.Done)+" of "+count(b.Of, "step")+", the last is "+string(b.Last)))
	p.fact("on", b.Time.UTC().Format("2006-01-02 15:04")+" UTC")
	p.gap()
	all := u.choices()
	p.list(min(u.at, len(all)-1), len(all), len(all), func(i int) (label, about string) { return pad(all[i][0], 16), all[i][1] })
	p.gap()
	switch {
	case !b.Proven():
		p.para(c.dim, "The reason: "+steps.Unproven+".")
	case b.Encrypted && u.choice() == resumes:
		p.para(c.dim, "You type the passphrase of the unfinished install once.")
	}
	return nil
}
