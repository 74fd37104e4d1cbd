package tui

import (
	"strconv"

	"auto-installer/steps"
)

// unfinished is shown if an install of the same host was interrupted on the disk.
// It offers to resume it, if this installer proves to have written it, and to
// start over.
type unfinished struct {
	*session
	at int
}

// offers are what can be done with an unfinished install, the proposed one first.
func (s *session) offers() []offer {
	over := offer{"Start over", "erases the disk and installs again", func() { s.resume(false) }}
	if s.interrupted == nil || !s.interrupted.Proven() {
		return []offer{over}
	}
	return []offer{{"Resume", "keeps what is done, does the rest, proves everything", func() { s.resume(true) }}, over}
}

func (u *unfinished) skip() bool { return u.interrupted == nil }

func (u *unfinished) enter() { u.at = min(u.at, len(u.offers())-1) }

func (u *unfinished) keys() []binding {
	all := u.offers()
	return append(moves(&u.at, len(all), nil),
		keyNext.explained("do what is chosen; nothing is written yet").does(all[u.at].do).goes(next), keyBack)
}

func (u *unfinished) view(p *page) {
	b := u.interrupted
	if b == nil {
		return
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
	p.choices(u.offers(), u.at, 16, len(u.offers()))
	p.gap()
	switch {
	case !b.Proven():
		p.para(p.dim, "The reason: "+steps.Unproven+".")
	case b.Encrypted && u.at == 0:
		p.para(p.dim, "You type the passphrase of the unfinished install once.")
	}
}
