package tui

import (
	"strings"
	"time"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

// walk answers every screen up to s. The disk is the blank one, unless the
// cursor has been put on another.
func walk(s state) func(*pilot) {
	return func(p *pilot) {
		p.t.Helper()
		for i := 0; p.state < s; i++ {
			if i > 20 {
				p.t.Fatalf("stuck on %s\n%s", p.state, p.frame())
			}
			switch p.state {
			case stateDisk:
				if p.diskAt == "/dev/sdc" {
					p.diskAt = "/dev/vda"
				}
				p.press("enter")
			case stateBundle:
				p.enterText("open sesame")
				p.press("enter")
			case stateNetwork:
				p.press("c")
			case statePassphrase:
				p.secret("correct horse battery")
			case stateRecovery:
				p.screens[stateRecovery].(*recovery).fresh = func() []byte { return []byte(fixedKey) }
				p.press("enter")
			case stateConfirm:
				p.enterText("yes")
				p.press("enter")
			default:
				p.press("enter")
			}
		}
		if s == stateRecovery {
			p.screens[stateRecovery].(*recovery).fresh = func() []byte { return []byte(fixedKey) }
		}
	}
}

// secret types a passphrase twice, unless it has been typed before.
func (p *pilot) secret(text string) {
	if p.reopens() {
		p.enterText(text)
		p.press("enter")
		return
	}
	if s := p.screens[statePassphrase].(*passphrase); s.first.empty() {
		p.enterText(text)
		p.press("enter")
		p.enterText(text)
		p.press("enter")
		return
	}
	p.press("enter", "enter")
}

// dvorak goes to the passphrase with another keymap than the host's.
func dvorak(p *pilot) {
	walk(stateKeyboard)(p)
	p.enterText("dvorak")
	walk(statePassphrase)(p)
}

// offline looks for Wi-Fi networks, as the network screen does by itself.
func offline(p *pilot) { walk(stateNetwork)(p) }

// unplug takes a disk away.
func (p *pilot) unplug(path string) {
	var left []steps.Verdict
	for _, v := range p.f.disks {
		if v.Device.Path != path {
			left = append(left, v)
		}
	}
	p.f.disks = left
	p.do(p.listDisks)
}

func started(step string) func(engine.Event) bool {
	return func(e engine.Event) bool { return e.Kind == engine.KindStarted && e.Step == engine.Name(step) }
}

func copying(e engine.Event) bool { return e.Kind == engine.KindProgress }

// install starts an install that has come as far as until says.
func (p *pilot) install(until func(engine.Event) bool, more ...engine.Event) {
	p.t.Helper()
	walk(stateConfirm)(p)
	plan, err := preview(p.answers)
	if err != nil {
		p.t.Fatal(err)
	}
	p.enterText(word)
	_, _ = p.Update(keyMsg("enter")) // the events come from story
	p.at(stateInstall)
	p.model.run.now = epoch
	events := story(plan, until)
	for _, e := range more {
		e.Time = events[len(events)-1].Time
		events = append(events, e)
	}
	for _, e := range events {
		p.model.run.apply(e)
	}
}

// fail is an install that failed at a step.
func (p *pilot) fail(step string) {
	p.t.Helper()
	p.install(func(e engine.Event) bool {
		return e.Step == engine.Name(step) && (step != "closure" && e.Kind == engine.KindStarted || e.Kind == engine.KindProgress)
	})
	err := &sys.Fault{
		Step: step, Code: 10, Hint: "the log above says why; mend that, then try again",
		Cause: "to build the system: nix failed (exit code 1): builder for '/nix/store/0123456789abcdfghijklmnpqrsvwxyz-linux-6.18.12.drv' failed with exit code 1",
	}
	if step == "contract" {
		err.Cause, err.Hint = "/dev/sdc2 carries the label STYGIAN-ROOT too", "unplug that disk, or give it another label"
	}
	if step == "bootproof" {
		err.Code = 11
		err.Cause = "the machine might not start, 2 of 13 checks failed:\n" +
			"the loader: EFI/BOOT/BOOTX64.EFI: not an EFI program: it is cut short: section \".text\" ends at byte 65536 of 4096\n" +
			"where the system looks for its root: /: /dev/disk/by-label/STYGIAN-ROOT names 2 devices, /dev/mapper/stygiancrypt and /dev/sdc2: the system may start from the wrong one"
		err.Hint = "the boot loader did not install as it should: the log of the step before says more; " +
			"detach the other disk that carries the label, or give the host labels of its own; then try again from here (--resume)"
	}
	p.events(eventsMsg{done: true, events: []engine.Event{{Kind: engine.KindFailed, Step: engine.Name(step), Time: epoch.Add(time.Minute), Error: err}}})
	p.at(stateFailure)
}

// finish is an install that has ended; more are events in addition.
func (p *pilot) finish(more ...engine.Event) {
	p.t.Helper()
	p.screens[stateDone].(*done).now = func() time.Time { return epoch }
	p.install(nil)
	p.events(eventsMsg{done: true, events: more})
	p.at(stateDone)
}

// visible makes escape sequences readable.
func visible(s string) string { return strings.ReplaceAll(s, "\x1b", "^[") }
