package tui

import (
	"slices"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// press1 presses a key without running what follows, and reports whether it did
// anything: a new frame, another screen or a command.
func (p *pilot) press1(k string) bool {
	before, at := p.View(), p.state
	_, cmd := p.Update(keyMsg(k))
	after := p.View()
	return cmd != nil || p.state != at || before.Content != after.Content
}

// TestEveryKey: every binding that a screen lists does something somewhere on
// it, is explained, and shares its keys with no other.
func TestEveryKey(t *testing.T) {
	type listed struct{ screen, show, does string }
	works := map[listed]bool{}
	for _, s := range scenes() {
		p := s.openAt(t, 80, 25)
		over := ""
		keys := p.keys()
		switch {
		case p.quit.open:
			over = " quit"
		case p.help.open:
			continue
		}
		seen := map[string]string{}
		for _, b := range keys {
			if b.Help().Key == "" || b.Help().Desc == "" {
				t.Errorf("%s lists a key without words: %+v", s.name, b)
			}
			id := listed{p.state.String() + over, b.Help().Key, b.Help().Desc}
			works[id] = works[id] || slices.Equal(b.Keys(), []string{b.Help().Key})
			for _, k := range b.Keys() {
				if other, ok := seen[k]; ok {
					t.Errorf("%s: %q is %q and %q", s.name, k, other, b.Help().Desc)
				}
				seen[k] = b.Help().Desc
				if !works[id] {
					works[id] = s.openAt(t, 80, 25).press1(k)
				}
			}
		}
	}
	for id, ok := range works {
		if !ok {
			t.Errorf("on %s, %s (%s) does nothing", id.screen, id.show, id.does)
		}
	}
}

// TestAliases: what the help screen says is the same is the same.
func TestAliases(t *testing.T) {
	find := func(name string) scene {
		for _, s := range scenes() {
			if s.name == name {
				return s
			}
		}
		t.Fatal(name)
		return scene{}
	}
	for name, sets := range map[string][][]string{
		"welcome-several":  {{"down", "j", "tab"}, {"up", "k", "shift+tab"}, {"home", "g"}, {"end", "G"}},
		"disk-list":        {{"down", "j", "tab"}, {"up", "k", "shift+tab"}, {"end", "G"}, {"d", "space"}, {"?", "f1"}},
		"network-wifi":     {{"down", "j", "tab"}, {"up", "k", "shift+tab"}, {"end", "G"}},
		"plan-luks":        {{"down", "j", "tab"}, {"end", "G"}},
		"passphrase-typed": {{"tab", "shift+tab", "up", "down"}, {"f2", "ctrl+t"}, {"backspace", "ctrl+h"}},
		"install-closure":  {{"up", "k", "shift+tab"}, {"enter", "z"}, {"pgup", "b", "ctrl+b"}, {"home", "g"}},
		"install-scrolled": {{"down", "j", "tab"}, {"pgdown", "space", "ctrl+f"}, {"end", "G", "f"}},
		"failure-after":    {{"down", "j", "tab"}, {"up", "k", "shift+tab"}, {"end", "G"}},
		"quit-before":      {{"esc", "n", "enter"}},
	} {
		for _, set := range sets {
			var want string
			for i, k := range set {
				p := find(name).openAt(t, 80, 25)
				p.View() // the log pane learns its height
				if !p.press1(k) {
					t.Errorf("%s: %s does nothing", name, k)
				}
				got := p.frame()
				if i == 0 {
					want = got
				} else if got != want {
					t.Errorf("%s: %s is not as %s\n%s", name, k, set[0], got)
				}
			}
		}
	}
}

// TestEveryScreenAsks: Ctrl+C asks and Esc stays; F1 helps; ? is a character
// where text is typed; Ctrl+L redraws.
func TestEveryScreenAsks(t *testing.T) {
	for _, s := range scenes() {
		p := s.openAt(t, 80, 25)
		if p.quit.open || p.help.open {
			continue
		}
		before := p.frame()
		if _, cmd := p.Update(keyMsg("ctrl+c")); cmd != nil || !p.quit.open {
			t.Errorf("%s: Ctrl+C does not ask", s.name)
		}
		p.press("x", "ctrl+c", "?")
		if !p.quit.open {
			t.Errorf("%s: another key answers", s.name)
		}
		p.press("esc")
		if p.state != stateDone && p.frame() != before {
			t.Errorf("%s: Esc does not stay\n%s", s.name, p.frame())
		}
		p.press("f1")
		if !p.help.open {
			t.Errorf("%s: F1 does not help", s.name)
		}
		p.press("x")
		if p.help.open {
			t.Errorf("%s: help does not close", s.name)
		}
		if typing := p.typing(); typing {
			if p.press("?"); p.help.open {
				t.Errorf("%s: ? is not a character", s.name)
			}
		} else if p.press("?"); !p.help.open {
			t.Errorf("%s: ? does not help", s.name)
		}
		_, cmd := p.Update(keyMsg("ctrl+l"))
		if cmd == nil {
			t.Errorf("%s: Ctrl+L does nothing", s.name)
		}
	}
}

// TestBackAndForth: Esc goes back everywhere before the gate, and all answers
// are kept but for the typed yes.
func TestBackAndForth(t *testing.T) {
	p := fly(t, newFake(t), "ultraviolet", "stygianlibrary")
	p.press("down")
	walk(stateKeyboard)(p)
	p.enterText("dv")
	walk(stateRecovery)(p)
	p.press("m", "enter")
	p.enterText(fixedKey[24:])
	p.press("enter")
	p.at(stateConfirm)
	p.enterText("yes")
	want := p.answers
	want.Passphrase, want.RecoveryKey = slices.Clone(want.Passphrase), slices.Clone(want.RecoveryKey)

	for _, s := range []state{stateRecovery, statePassphrase, statePlan, stateDisk, stateKeyboard, stateWelcome, stateWelcome} {
		p.press("esc")
		p.at(s)
	}
	if p.hosts[p.screens[stateWelcome].(*welcome).at].TargetHost != "stygianlibrary" {
		t.Error("the host is forgotten")
	}
	p.press("enter", "enter") // welcome, keyboard
	if p.at(stateDisk); p.keymap != "dvorak" || p.diskAt != "/dev/vda" {
		t.Errorf("keymap %s, disk %s", p.keymap, p.diskAt)
	}
	p.press("enter", "enter", "enter", "enter", "enter") // disk, plan, passphrase twice, recovery
	p.at(stateConfirm)
	got := p.answers
	if got.Disk != want.Disk || string(got.Passphrase) != string(want.Passphrase) ||
		string(got.RecoveryKey) != fixedKey || got.Host.TargetHost != want.Host.TargetHost {
		t.Error("answers are lost")
	}
	p.press("enter")
	p.at(stateConfirm) // the yes is not kept
	p.enterText("yes")
	p.press("enter")
	if len(p.f.started) != 1 {
		t.Fatalf("started %d times", len(p.f.started))
	}
}

// TestOnlyYes: nothing but the word, typed, starts an install.
func TestOnlyYes(t *testing.T) {
	for _, text := range []string{"", "y", "Yes", "YES", "yes ", " yes", "yess", "no", "ja", "y e s"} {
		p := scene{play: walk(stateConfirm)}.open(t)
		p.enterText(text)
		p.press("enter")
		if p.state != stateConfirm || len(p.f.started) > 0 {
			t.Errorf("%q starts an install", text)
		}
	}
	p := scene{play: walk(stateConfirm)}.open(t)
	p.send(tea.PasteMsg{Content: "yes"})
	p.press("enter")
	p.at(stateConfirm)
	// Some terminals send a paste as one key.
	p.send(tea.KeyPressMsg{Text: "yes", Code: tea.KeyExtended})
	p.press("enter")
	p.at(stateConfirm)
	p.enterText("yez")
	p.press("backspace")
	p.enterText("s")
	p.press("enter")
	if len(p.f.started) != 1 {
		t.Errorf("yes starts %d installs", len(p.f.started))
	}
}

// TestChangedHost: another host drops the disk, the plan and the secrets.
func TestChangedHost(t *testing.T) {
	p := fly(t, newFake(t), "stygianlibrary", "demo")
	walk(stateConfirm)(p)
	old := p.answers.Passphrase
	for p.state != stateWelcome {
		p.press("esc")
	}
	p.press("down", "enter")
	if p.answers.Disk.Path != "" || p.plan != nil || p.answers.Passphrase != nil || p.host().TargetHost != "demo" {
		t.Error("answers of the other host are kept")
	}
	if slices.ContainsFunc(old, func(b byte) bool { return b != 0 }) {
		t.Error("the passphrase is not wiped")
	}
	if s := p.screens[statePassphrase].(*passphrase); !s.first.empty() || !s.second.empty() {
		t.Error("the passphrase screen still has it")
	}
}

// TestChangedDisk: another disk has another plan.
func TestChangedDisk(t *testing.T) {
	p := scene{play: walk(statePlan)}.open(t)
	first, given := p.plan, p.answers.Disk
	p.press("esc")
	p.diskAt = "/dev/sdd"
	p.press("enter")
	if p.plan == nil || p.plan == first || p.plan.Disk.Path != "/dev/sdd" {
		t.Error("the plan is for the other disk")
	}
	// An answer that comes late is for a disk that is chosen no more.
	second, disk := p.plan, p.answers.Disk
	p.answers.Disk = given
	p.shown().enter()
	late := p.settle()
	p.answers.Disk, p.plan = disk, second
	if p.run(late); p.plan != second {
		t.Error("a late plan is taken")
	}
}

// TestUnplugged: the chosen disk goes, is refused, or is another one under the
// same name: back to the choice, and it is said why.
func TestUnplugged(t *testing.T) {
	for _, at := range []state{statePlan, statePassphrase, stateRecovery, stateConfirm} {
		for why, change := range map[string]func(p *pilot){
			"/dev/vda is gone": func(p *pilot) { p.unplug("/dev/vda") },
			"/dev/vda can no longer be used: it is mounted": func(p *pilot) {
				p.f.disks = slices.Clone(p.f.disks)
				p.f.disks[2].Refused = "it is mounted"
				p.do(p.listDisks)
			},
			"/dev/vda is a different disk now": func(p *pilot) {
				p.f.disks = slices.Clone(p.f.disks)
				p.f.disks[1].Device.Path, p.f.disks[2].Device.Path = p.f.disks[2].Device.Path, p.f.disks[1].Device.Path
				p.do(p.listDisks)
			},
		} {
			p := scene{play: walk(at)}.open(t)
			change(p)
			if p.at(stateDisk); p.notice != why || p.answers.Disk.Path != "" {
				t.Errorf("at %d: %q, want %q", at, p.notice, why)
			}
		}
	}
	// During an install the engine has the disk; the screens stay.
	p := scene{play: func(p *pilot) { p.install(copying) }}.open(t)
	p.unplug("/dev/vda")
	p.at(stateInstall)
}
