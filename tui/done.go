package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
)

// done says what was proven, and ends the machine's session after a countdown
// that any key holds.
type done struct {
	*session
	until time.Time
	held  bool
	off   bool // the command is given
	err   error
	now   func() time.Time
}

// countdown is long enough to read the screen and pull the stick.
const countdown = 30 * time.Second

func newDone(s *session) *done { return &done{session: s, now: time.Now} }

func (d *done) name() string { return "Done" }

var keyPower = bind("Enter", "", "enter")

func (d *done) keys() []binding {
	power := bind("Enter", d.verb()+" now", keyPower.keys...)
	if d.held {
		return []binding{power}
	}
	return []binding{bind("any key", "hold").explained("hold the countdown"), power}
}

func (d *done) enter() tea.Cmd {
	// Where the install was started, somebody may hold it.
	d.until, d.held, d.off, d.err = d.now().Add(countdown), d.elsewhere, false, nil
	return nil
}

// reboots tells whether the host wants to be restarted. Screens that came
// later may not know the host; powering off is the safe end.
func (d *done) reboots() bool {
	for _, h := range append([]hosts.Host{d.host()}, d.hosts...) {
		if h.TargetHost != "" && h.TargetHost == d.installing() {
			return !h.PowerOff
		}
	}
	return false
}

// verb is what Enter and the countdown make the machine do.
func (d *done) verb() string { return verb(d.reboots()) }

func (d *done) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case tickMsg:
		if !d.held && !d.off && !d.now().Before(d.until) {
			return d.power(), stay
		}
	case powerMsg:
		d.err = msg.err
		if msg.err != nil {
			d.off, d.held = false, true
		}
	case tea.KeyPressMsg:
		if keyPower.is(msg) && !d.off {
			return d.power(), stay
		}
	}
	return nil, stay
}

func (d *done) power() tea.Cmd {
	d.off = true
	b, reboot := d.backend, d.reboots()
	return func() tea.Msg { return powerMsg{b.Power(context.Background(), reboot)} }
}

func (d *done) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	p.gap()
	p.add(c.good.Render(glyphDone+" "+d.installing()+" is installed") + c.dim.Render(" in "+span(d.run.seconds)))
	p.gap()
	room := p.left() - 2 // for the end
	if d.err != nil {
		room--
	}
	if !c.low() {
		room -= 2
	}
	warnings := d.warnings(c)
	most := min(len(warnings), max(1, room/2))
	if proven := d.proven(c); len(proven) > 0 {
		p.add(c.title.Render("Proven"))
		p.add(clip(c, proven, room-1-most)...)
		most = room - 1 - min(len(proven), room-1-most)
		p.gap()
	}
	if len(warnings) > 0 {
		p.add(clip(c, warnings, most)...)
		p.gap()
	}
	d.viewEnd(p)
	return p.String(), nil
}

// clip shortens a list to n lines, and says that it did.
func clip(c canvas, lines []string, n int) []string {
	if len(lines) <= n || n < 1 {
		return lines[:max(0, min(n, len(lines)))]
	}
	return append(lines[:n-1:n-1], c.dim.Render("  and more, in the log on the disk"))
}

func (d *done) proven(c canvas) []string {
	p := newPage(c)
	for _, s := range d.run.proven {
		p.marked(glyphDone, c.text, storeHash.ReplaceAllString(clean(s), ""))
	}
	for i, l := range p.lines {
		if rest, ok := strings.CutPrefix(l, glyphDone); ok {
			p.lines[i] = c.good.Render(glyphDone) + rest
		}
	}
	return p.lines
}

func (d *done) warnings(c canvas) []string {
	p := newPage(c)
	for _, w := range d.run.warnings[:min(len(d.run.warnings), c.h)] {
		p.marked("!", c.warn, clean(w))
	}
	return p.lines
}

// viewEnd is what to do now, and what the machine will do.
func (d *done) viewEnd(p *page) {
	c := p.c
	p.add(c.title.Render("Now remove the stick."))
	verb := d.verb()
	switch {
	case d.err != nil:
		p.para(c.bad, cut("It does not "+verb+": "+clean(engine.NewError("", d.err).Cause), 2*c.w-20))
	case d.off:
		p.add(c.accent.Render("The machine will " + verb + " now."))
	case d.held:
		p.add("Held. Press Enter to " + verb + ".")
	default:
		left := max(0, int(d.until.Sub(d.now())/time.Second))
		full, empty := bar(int64(left), int64(countdown/time.Second), min(20, c.w-32))
		p.add(fmt.Sprintf("It will %s in %2d s  ", verb, left) + c.accent.Render(full) + c.rule.Render(empty))
	}
}
