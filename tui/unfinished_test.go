package tui

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"auto-installer/steps"
)

// TestContinue: to resume an install, its passphrase is typed once and must open
// the container; the engine then resumes.
func TestContinue(t *testing.T) {
	f := newFake(t)
	interrupted(f)
	p := fly(t, f, "stygianlibrary")
	walk(statePassphrase)(p)
	if !p.answers.Resume || !strings.Contains(p.answers.CommandLine(), "--resume") {
		t.Error("continuing is not what is offered first")
	}
	p.enterText("correct donkey")
	p.press("enter")
	p.at(statePassphrase)
	if s := p.screens[statePassphrase].(*passphrase); !s.first.empty() || !strings.Contains(p.note.text, "does not open") {
		t.Errorf("%q", p.note.text)
	}
	f.fails = errors.New("cryptsetup failed (exit code 4)")
	p.enterText("correct horse battery")
	p.press("enter")
	p.at(statePassphrase)
	if !strings.Contains(p.note.text, "exit code 4") {
		t.Errorf("%q", p.note.text)
	}
	f.fails = nil
	p.enterText("correct horse battery")
	p.press("enter")
	p.at(stateConfirm) // the keys of the container stay as they are
	p.enterText("yes")
	p.press("enter")
	if len(f.started) != 1 || !f.started[0].Resume || f.seen != "correct horse battery" || f.started[0].RecoveryKey != nil {
		t.Errorf("started %+v with %q", f.started, f.seen)
	}
}

// TestStartOver: the other choice asks all that a first install asks.
func TestStartOver(t *testing.T) {
	f := newFake(t)
	interrupted(f)
	p := fly(t, f, "stygianlibrary")
	walk(stateUnfinished)(p)
	p.press("down", "enter")
	walk(stateRecovery)(p)
	p.at(stateRecovery)
	if walk(stateInstall)(p); len(f.started) != 1 || f.started[0].Resume || strings.Contains(f.started[0].CommandLine(), "--resume") {
		t.Errorf("started %+v", f.started)
	}
}

// TestUnprovenStartsOver: what nothing proves to be this installer's work is not
// continued, whatever is pressed.
func TestUnprovenStartsOver(t *testing.T) {
	for _, keys := range [][]string{{"enter"}, {"up", "enter"}, {"down", "enter"}} {
		f := newFake(t)
		interrupted(f)
		f.interrupted.Host, f.interrupted.Encrypted = "demo", false
		p := fly(t, f, "demo")
		walk(stateUnfinished)(p)
		p.press(keys...)
		if walk(stateInstall)(p); len(f.started) != 1 || f.started[0].Resume {
			t.Errorf("%q: started %+v", keys, f.started)
		}
	}
	f := newFake(t)
	interrupted(f)
	f.interrupted.Host, f.interrupted.Encrypted = "demo", false
	said, _ := converse(t, f, "demo", []string{"de", "3", "yes"}, nil)
	if len(f.started) != 1 || f.started[0].Resume || !strings.Contains(said, "It cannot be resumed: "+steps.Unproven) || !strings.Contains(said, "Type yes to install demo") {
		t.Errorf("%+v\n%s", f.started, said)
	}
	// In the same boot, memory proves it: it is what is proposed.
	f = newFake(t)
	interrupted(f)
	f.interrupted.Host, f.interrupted.Encrypted, f.interrupted.FromDisk = "demo", false, false
	p := fly(t, f, "demo")
	walk(stateUnfinished)(p)
	p.press("enter")
	if walk(stateInstall)(p); len(f.started) != 1 || !f.started[0].Resume {
		t.Errorf("started %+v", f.started)
	}
}

// TestContinueIsOfOneDisk: what was chosen for one disk does not count for
// another, and a recovery key that was made is not for a container that is there.
func TestContinueIsOfOneDisk(t *testing.T) {
	f := newFake(t)
	p := fly(t, f, "stygianlibrary")
	walk(stateRecovery)(p)
	p.press("m", "enter")
	p.enterText(fixedKey[24:])
	p.press("enter", "esc", "esc", "esc", "esc")
	p.at(stateDisk)
	interrupted(f)
	p.press("enter")
	p.at(stateUnfinished)
	p.press("enter")
	p.at(statePlan)
	if p.answers.RecoveryKey != nil || !p.answers.Resume {
		t.Errorf("%+v", p.answers)
	}
	p.press("esc", "esc")
	p.at(stateDisk)
	f.interrupted = nil
	p.press("enter")
	p.at(statePlan)
	if p.answers.Resume {
		t.Error("it would be continued")
	}
}

// TestLateAnswers: what was asked about one disk or passphrase says nothing
// about the next.
func TestLateAnswers(t *testing.T) {
	f := newFake(t)
	p := fly(t, f, "stygianlibrary")
	walk(stateDisk)(p)
	p.diskAt = "/dev/vda"
	_, _ = p.Update(keyMsg("enter"))
	p.at(stateDisk)
	disk := p.answers.Disk.Path
	p.press("up") // to another disk
	if p.screens[stateDisk].(*diskScreen).looked(disk, &steps.Unfinished{}); p.to != stay || p.interrupted != nil {
		t.Error("a late answer counts")
	}
	interrupted(f)
	p.diskAt = "/dev/vda"
	walk(statePassphrase)(p)
	p.enterText("correct horse battery")
	_, first := p.Update(keyMsg("enter"))
	p.press("esc", "enter")
	p.at(statePassphrase)
	p.press("backspace")
	_, _ = p.Update(keyMsg("enter"))
	p.run(first)
	p.at(statePassphrase)
}

// TestPlainContinues: the same with simple prompts.
func TestPlainContinues(t *testing.T) {
	f := newFake(t)
	interrupted(f)
	said, _ := converse(t, f, "stygianlibrary", []string{"de", "3", "x", "1", "yes"}, []string{"correct donkey", "correct horse battery"})
	for _, want := range []string{"5 of 12 steps are done", "does not open", "will be resumed", "--resume"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if strings.Contains(said, "recovery key") || strings.Contains(said, "erased") {
		t.Error(said)
	}
	if len(f.started) != 1 || !f.started[0].Resume || f.seen != "correct horse battery" {
		t.Errorf("%+v", f.started)
	}
	f = newFake(t)
	interrupted(f)
	said, _ = converse(t, f, "stygianlibrary", []string{"de", "3", "2", "n", "yes"}, slices.Repeat([]string{"correct horse"}, 2))
	if len(f.started) != 1 || f.started[0].Resume || !strings.Contains(said, "will be written") {
		t.Errorf("%+v\n%s", f.started, said)
	}
}

// TestTriesAgain: another try resumes only what the failed install has kept.
func TestTriesAgain(t *testing.T) {
	for step, resumes := range map[string]bool{"contract": false, "closure": true} {
		p := scene{}.open(t)
		p.fail(step)
		p.press("enter")
		if a := p.f.started; len(a) != 1 || a[0].Resume != resumes {
			t.Errorf("%s: started %+v", step, a)
		}
	}
}
