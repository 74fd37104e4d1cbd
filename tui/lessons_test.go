package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// Lessons of docs/reliability.md that the screens have learnt.

// TestLesson02PassphraseBeforeTheGate: it is asked for twice, in peace, and
// while nothing has been started; the install asks for nothing.
func TestLesson02PassphraseBeforeTheGate(t *testing.T) {
	p := scene{play: walk(statePassphrase)}.open(t)
	p.enterText("correct horse")
	p.press("enter")
	p.at(statePassphrase) // once is not enough
	for range 500 {       // ten minutes pass without a key
		p.send(tickMsg{})
	}
	p.at(statePassphrase)
	p.enterText("correct house")
	p.press("enter")
	p.at(statePassphrase)
	if len(p.answers.Passphrase) > 0 {
		t.Error("two that differ were taken")
	}
	p.enterText("correct horse")
	p.press("enter")
	p.at(stateRecovery)
	if len(p.f.started) > 0 {
		t.Fatal("an install was started before the word yes")
	}
	walk(stateConfirm)(p)
	p.enterText(word)
	p.press("enter")
	if len(p.f.started) != 1 || p.f.seen != "correct horse" {
		t.Errorf("%d installs, with the passphrase %q", len(p.f.started), p.f.seen)
	}
	// Without it there is no plan, so that nothing can ask for it later.
	a := p.answers
	a.Passphrase = nil
	if _, err := steps.InstallPlan(a, engine.DefaultPaths()); err == nil {
		t.Error("there is a plan without the passphrase")
	}
}

// TestLesson03YesUnderTheDisk: the word is typed where it can be read, below
// the disk's model, serial number, size and what is on it now.
func TestLesson03YesUnderTheDisk(t *testing.T) {
	p := scene{play: func(p *pilot) {
		walk(stateDisk)(p)
		p.diskAt = "/dev/sdd"
		walk(stateConfirm)(p)
	}}.open(t)
	v, ok := p.verdict(p.answers.Disk.Path)
	if !ok || v.Device.Model == "" || v.Device.Serial == "" || len(v.Holds) == 0 {
		t.Fatalf("%+v proves nothing", v)
	}
	for _, size := range [][2]int{{80, 25}, {132, 43}, {40, 12}} {
		p.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		frame := p.frame()
		for _, say := range []string{v.Device.Path, v.Device.Model, v.Device.Serial, block.FormatSize(v.Device.Size), v.Holds[0], "erased"} {
			if !strings.Contains(frame, say) {
				t.Errorf("%d×%d: no %q on\n%s", size[0], size[1], say, frame)
			}
		}
	}
	before := p.frame()
	p.enterText("ye")
	if !strings.Contains(p.frame(), ": ye") || p.frame() == before {
		t.Errorf("what is typed cannot be read\n%s", p.frame())
	}
	p.press("enter")
	if p.at(stateConfirm); len(p.f.started) > 0 {
		t.Error("another word starts an install")
	}
}
