package tui

import (
	"context"
	"fmt"
	"time"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
)

// done lists what was proven, and powers the machine off or restarts it after a
// countdown, which any key stops.
type done struct {
	*session
	until time.Time
	held  bool
	off   bool // the command is given
	err   error
	now   func() time.Time
}

// countdown is long enough to read the screen and remove the stick.
const countdown = 30 * time.Second

func (d *done) enter() {
	// Another console's install may be held there.
	d.until, d.held, d.off, d.err = d.now().Add(countdown), d.elsewhere, false, nil
}

// reboots reports whether the host is to be restarted. Screens that joined later
// may not know the host; powering off is then the safe end.
func (d *done) reboots() bool {
	for _, h := range append([]hosts.Host{d.host()}, d.hosts...) {
		if h.TargetHost != "" && h.TargetHost == d.installing() {
			return !h.PowerOff
		}
	}
	return false
}

func (d *done) tick() {
	if !d.held && !d.now().Before(d.until) {
		d.power()
	}
}

func (d *done) keys() []binding {
	power := bind("Enter", powerVerb(d.reboots())+" now", "enter").does(d.power)
	if d.held {
		return []binding{power}
	}
	return []binding{bind("any key", "hold").explained("stop the countdown"), power}
}

func (d *done) power() {
	if d.off {
		return
	}
	d.off = true
	reboot := d.reboots()
	ask(d, func() error { return d.backend.Power(context.Background(), reboot) }, func(err error) {
		if d.err = err; err != nil {
			d.off, d.held = false, true
		}
	})
}

func (d *done) view(p *page) {
	p.gap()
	p.add(p.good(glyphDone+" "+d.installing()+" is installed") + p.dim(" in "+span(d.run.seconds)))
	p.gap()
	room := p.left() - 2 // without the last two lines
	if d.err != nil {
		room--
	}
	if !p.low() {
		room -= 2
	}
	more := func(int) string { return p.dim("  and more, in the log on the disk") }
	warnings := newPage(p.canvas)
	for _, w := range d.run.warnings[:min(len(d.run.warnings), p.h)] {
		warnings.marked("!", p.warn, clean(w))
	}
	most := min(len(warnings.lines), max(1, room/2))
	proven := newPage(p.canvas)
	for _, s := range d.run.proven {
		proven.marked(glyphDone, p.good, storeHash.ReplaceAllString(clean(s), ""))
	}
	if len(proven.lines) > 0 {
		p.add(p.title("Proven"))
		p.add(few(proven.lines, room-1-most, more)...)
		most = room - 1 - min(len(proven.lines), room-1-most)
		p.gap()
	}
	if len(warnings.lines) > 0 {
		p.add(few(warnings.lines, most, more)...)
		p.gap()
	}
	d.viewEnd(p)
}

// viewEnd is what the operator and the machine do next.
func (d *done) viewEnd(p *page) {
	verb := powerVerb(d.reboots())
	p.add(p.title("Now remove the stick."))
	switch {
	case d.err != nil:
		p.para(p.bad, cut("The machine does not "+verb+": "+clean(sys.AsFault(d.err).Cause), 2*p.w-20))
	case d.off:
		p.add(p.accent("The machine will " + verb + " now."))
	case d.held:
		p.add("The countdown is stopped. Press Enter to " + verb + ".")
	default:
		left := max(0, d.until.Sub(d.now()))
		p.add(fmt.Sprintf("It will %s in %2d s  ", verb, int(left/time.Second)) +
			bar(p.accent, ratio(int64(left), int64(countdown)), min(20, p.w-32)))
	}
}
