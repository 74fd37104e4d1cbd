package tui

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
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

var keyPower = bind("Enter", "end it now", "enter").explained("power off or restart now")

func (d *done) keys() []binding {
	if d.held {
		return []binding{keyPower}
	}
	return []binding{bind("any key", "hold"), keyPower}
}

func (d *done) enter() tea.Cmd {
	d.until, d.held, d.off, d.err = d.now().Add(countdown), false, false, nil
	return nil
}

// reboots tells whether the host wants to be restarted. Screens that came
// later do not know the host; powering off is the safe end.
func (d *done) reboots() bool { return d.chosen && !d.host().PowerOff }

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
		d.held = true
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
	host := d.host().TargetHost
	if d.run.plan != nil {
		host = d.run.plan.Host
	}
	p.gap()
	p.add(c.good.Render(glyphDone+" "+host+" is installed") + c.dim.Render(" in "+span(d.run.seconds)))
	p.gap()
	if len(d.run.proven) > 0 {
		p.add(c.title.Render("Proven, from firmware to init"))
		for _, s := range d.run.proven {
			for i, l := range wrap(storeHash.ReplaceAllString(s, ""), c.w-2) {
				mark := "  "
				if i == 0 {
					mark = c.good.Render(glyphDone) + " "
				}
				p.add(mark + l)
			}
		}
		p.gap()
	}
	for _, w := range d.run.warnings {
		for _, l := range wrap("! "+w, c.w) {
			p.add(c.warn.Render(l))
		}
	}
	if len(d.run.warnings) > 0 {
		p.gap()
	}
	p.lines = p.lines[:min(len(p.lines), c.h-4)]
	p.add(c.title.Render("Now remove the stick."))
	verb := "powers off"
	if d.reboots() {
		verb = "restarts"
	}
	switch {
	case d.err != nil:
		p.add(c.bad.Render(cut("it does not end: "+steps.NewError("", d.err).Cause, c.w)))
	case d.off:
		p.add(c.accent.Render("the machine " + verb + " now"))
	case d.held:
		p.add("held; Enter: the machine " + verb)
	default:
		left := max(0, int(d.until.Sub(d.now())/time.Second))
		full, empty := bar(int64(left), int64(countdown/time.Second), 20)
		p.add(fmt.Sprintf("The machine %s in %d s  ", verb, left) + c.accent.Render(full) + c.rule.Render(empty))
	}
	return p.String(), nil
}
