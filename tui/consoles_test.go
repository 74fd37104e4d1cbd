package tui

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// anotherConsole is an install of ultraviolet that another console started while
// these screens asked for the confirmation.
func anotherConsole(p *pilot, until func(engine.Event) bool) {
	p.t.Helper()
	walk(stateConfirm)(p)
	plan, err := preview(p.answers)
	if err != nil {
		p.t.Fatal(err)
	}
	plan.Host = "ultraviolet"
	for range 2 {
		p.sees(true) // the events come from story
	}
	p.at(stateInstall)
	p.model.run.now = epoch
	for _, e := range story(plan, until) {
		p.model.run.apply(e)
	}
	if until == nil {
		p.screens[stateDone].(*done).now = func() time.Time { return epoch }
		p.events(eventsMsg{done: true})
		p.at(stateDone)
	}
}

// TestJoins: a console that asks anything follows the install that another console
// started, and keeps no answer and no secret.
func TestJoins(t *testing.T) {
	for at := stateWelcome; at < stateInstall; at++ {
		f := newFake(t)
		p := fly(t, f, "stygianlibrary", "demo")
		walk(at)(p)
		if p.state != at {
			continue // this host does not need the screen
		}
		secret := p.answers.Passphrase
		p.f.running = true
		for range 3 * lookEvery {
			if p.state != at {
				break
			}
			// As Update does, without the pause between two ticks.
			p.ticks++
			p.look()
			if cmd := p.settle(); cmd != nil {
				_, _ = p.Update(cmd())
			}
		}
		p.at(stateInstall)
		if len(p.f.started) > 0 || p.answers.Disk.Path != "" || p.answers.Passphrase != nil {
			t.Errorf("from %d: %d started, answers %+v", at, len(p.f.started), p.answers)
		}
		if len(bytes.Trim(secret, "\x00")) > 0 {
			t.Errorf("from %d: the passphrase is not wiped", at)
		}
	}
}

// TestOverAfterJoin: when the other console's install has failed, an install can
// start here, with the answers of flags and medium.
func TestOverAfterJoin(t *testing.T) {
	p := scene{play: func(p *pilot) { anotherConsole(p, copying) }}.open(t)
	p.events(eventsMsg{done: true, events: []engine.Event{{Kind: engine.KindFailed, Step: "closure", Error: &sys.Fault{Cause: "no space"}}}})
	p.at(stateFailure)
	for _, c := range p.screens[stateFailure].(*failure).choices() {
		if strings.HasPrefix(c.label, "Try again") {
			t.Error("the answers of another console are offered again")
		}
	}
	p.press("enter") // start over
	p.at(stateWelcome)
	walk(stateConfirm)(p)
	if p.answers.System == "" || p.answers.Passphrase == nil || p.answers.Disk.Path == "" || p.elsewhere || p.reattached {
		t.Errorf("%+v", p.answers)
	}
}

// TestJoinsOnlyOthers: the lock of the install that has just failed is not
// another install.
func TestJoinsOnlyOthers(t *testing.T) {
	p := scene{play: func(p *pilot) { p.fail("closure") }}.open(t)
	p.sees(true)
	p.sees(false)
	p.sees(true)
	p.at(stateFailure)
	p.sees(true) // another console tries again
	p.at(stateInstall)
	p = scene{play: func(p *pilot) { p.finish() }}.open(t)
	for range 3 {
		p.sees(true)
	}
	p.at(stateDone)
}

// TestSecondYes: two consoles confirm at the same moment; the slower one shows
// the install of the faster one.
func TestSecondYes(t *testing.T) {
	p := scene{play: walk(stateConfirm)}.open(t)
	p.f.startErr = &sys.Fault{Cause: "another install is running on this machine", Code: 8}
	plan, err := preview(p.answers)
	if err != nil {
		t.Fatal(err)
	}
	p.f.events = story(plan, nil)
	p.enterText(word)
	p.press("enter")
	if p.at(stateDone); !p.elsewhere || p.answers.Disk.Path != "" || !d(p).held {
		t.Errorf("elsewhere %v, held %v", p.elsewhere, d(p).held)
	}
	// Another fault is one.
	p = scene{play: walk(stateConfirm)}.open(t)
	p.f.startErr = errors.New("starting the install: no memory")
	p.enterText(word)
	p.press("enter")
	p.at(stateFailure)
}

// TestElsewhereIsHeld: a console that did not start the install does not power off
// by itself, and restarts the machine if the host says so.
func TestElsewhereIsHeld(t *testing.T) {
	p := scene{hosts: []string{"stygianlibrary", "ultraviolet"}, play: func(p *pilot) {
		p.hosts[1].PowerOff = false
		anotherConsole(p, nil)
	}}.open(t)
	d(p).until = epoch
	p.send(tickMsg{})
	if len(p.f.calls) > 0 {
		t.Errorf("%v", p.f.calls)
	}
	p.press("enter")
	if !slices.Equal(p.f.calls, []string{"reboot"}) {
		t.Errorf("%v", p.f.calls)
	}
}

// TestKioskStays: on no screen does any key end the program, and Ctrl+C and
// what it offers do what they say.
func TestKioskStays(t *testing.T) {
	keys := []string{"ctrl+c", "esc", "enter", "q", "ctrl+d", "ctrl+z", "s"}
	for _, s := range scenes() {
		s.kiosk = true
		for _, k := range keys {
			p := s.openAt(t, 80, 25)
			for _, press := range []string{"ctrl+c", k, "ctrl+c", k} {
				_, cmd := p.Update(keyMsg(press))
				if quits(cmd) {
					t.Errorf("%s: %s ends the program", s.name, k)
				}
			}
		}
	}
	for key, want := range map[string][]string{"p": {"power off"}, "r": {"reboot"}, "c": {"to rescue"}, "q": nil, "s": nil, "esc": nil} {
		p := scene{kiosk: true, play: walk(stateDisk)}.open(t)
		p.press("ctrl+c", key)
		if !slices.Equal(p.f.calls, want) {
			t.Errorf("%s: %v, want %v", key, p.f.calls, want)
		}
		if stays := key == "c" || key == "esc"; stays == p.quit.open {
			t.Errorf("%s: the question is open %v", key, p.quit.open)
		}
	}
	// While an install runs, the machine does not go down under it.
	p := scene{kiosk: true, play: func(p *pilot) { p.install(copying) }}.open(t)
	p.press("ctrl+c", "p", "r", "q", "s")
	if !slices.Equal(p.f.calls, []string{"stop"}) {
		t.Errorf("%v", p.f.calls)
	}
	// Without a kiosk its keys do nothing.
	p = scene{play: walk(stateDisk)}.open(t)
	p.press("ctrl+c", "p", "r", "c")
	if len(p.f.calls) > 0 {
		t.Errorf("%v", p.f.calls)
	}
}

// quits reports whether a command ends the program, if the command ends at once.
func quits(cmd tea.Cmd) bool {
	if cmd == nil {
		return false
	}
	got := make(chan tea.Msg, 1)
	go func() { got <- cmd() }()
	select {
	case msg := <-got:
		switch msg := msg.(type) {
		case tea.QuitMsg:
			return true
		case tea.BatchMsg:
			return slices.ContainsFunc(msg, quits)
		}
	case <-time.After(20 * time.Millisecond): // a tick, or events
	}
	return false
}

// TestKioskShell: on a serial line the rescue shell is here; on a virtual
// console it is on another one, also from the last screen but one.
func TestKioskShell(t *testing.T) {
	for vt, want := range map[bool]string{true: "to rescue", false: "shell"} {
		for _, at := range []func(p *pilot){
			func(p *pilot) { p.press("ctrl+c", "c") },
			func(p *pilot) {
				p.fail("closure")
				f := p.screens[stateFailure].(*failure)
				p.do(func() { f.shell(f, func(error) {}) })
			},
		} {
			p := scene{kiosk: true, fake: func(f *fake) { f.vt = vt }, play: func(*pilot) {}}.open(t)
			p.f.vt = vt
			at(p)
			if !slices.Equal(p.f.calls, []string{want}) {
				t.Errorf("on a virtual console %v: %v", vt, p.f.calls)
			}
		}
	}
	p := scene{kiosk: true, play: func(p *pilot) { p.f.fails = errors.New("showing tty2: operation not permitted") }}.open(t)
	p.press("ctrl+c", "c")
	if !p.quit.open || !p.quit.note.bad {
		t.Errorf("%+v", p.quit)
	}
}
