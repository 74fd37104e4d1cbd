package tui

import (
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

func (s *field) clear() bool {
	for _, b := range s.buf {
		if b != 0 {
			return false
		}
	}
	return s.n == 0
}

func TestSecret(t *testing.T) {
	var s field
	for _, r := range "pä東" {
		s.key(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	if string(s.bytes()) != "pä東" || s.n != 6 {
		t.Fatalf("%q", s.bytes())
	}
	if text, at := s.view(10, false); strings.TrimSpace(text) != "***" || at != 3 {
		t.Errorf("%q, %d", text, at)
	}
	if text, at := s.view(10, true); strings.TrimSpace(text) != "pä東" || at != 4 {
		t.Errorf("%q, %d", text, at)
	}
	for _, want := range []string{"pä", "p", "", ""} {
		s.key(keyMsg("backspace"))
		if string(s.bytes()) != want {
			t.Errorf("%q, want %q", s.bytes(), want)
		}
		for _, b := range s.buf[s.n:] {
			if b != 0 {
				t.Fatal("what was erased is still there")
			}
		}
	}
	s.insert("a\r\nb\x00\x1b[31mc\x7f\u0085")
	if string(s.bytes()) != "ab[31mc" {
		t.Errorf("%q", s.bytes())
	}
	s.wipe()
	s.insert(strings.Repeat("x", maxField-1))
	if s.insert("ä"); !s.full || s.n != maxField-1 {
		t.Error("half a character fits")
	}
	if s.key(keyMsg("x")); s.n != maxField {
		t.Error("the last byte is not used")
	}
	if s.key(keyMsg("x")); !s.full || s.n != maxField {
		t.Error("more than 512 bytes fit")
	}
	if s.key(keyMsg("backspace")); s.full {
		t.Error("still full")
	}
	if s.key(keyMsg("ctrl+u")); !s.clear() {
		t.Error("not wiped")
	}
}

func TestPassphraseFields(t *testing.T) {
	p := scene{play: walk(statePassphrase)}.open(t)
	s := p.screens[statePassphrase].(*passphrase)
	p.press("enter")
	if p.note.text != "the passphrase is empty" {
		t.Errorf("%q", p.note.text)
	}
	p.send(tea.PasteMsg{Content: "from a manager"})
	p.press("enter", "enter")
	if p.at(statePassphrase); p.note.text == "" {
		t.Error("the second is not asked for")
	}
	for typed, want := range map[string]string{
		"From a manager": "upper and lower case", "from a manage": "same length", "from a managed": "not the same;",
	} {
		p.send(tea.PasteMsg{Content: typed})
		p.press("enter")
		if p.at(statePassphrase); !strings.Contains(p.note.text, want) || !s.second.empty() {
			t.Errorf("%q: %q", typed, p.note.text)
		}
	}
	p.send(tea.PasteMsg{Content: "from a manager"})
	p.press("enter")
	p.at(stateRecovery)
	if string(p.answers.Passphrase) != "from a manager" {
		t.Errorf("%q", p.answers.Passphrase)
	}
	// What is pasted elsewhere stays out of the fields.
	p.send(tea.PasteMsg{Content: "x"})
	if string(s.first.bytes()) != "from a manager" || string(s.second.bytes()) != "from a manager" {
		t.Error("a paste on another screen got into the passphrase")
	}
}

// TestWiped: nothing secret is left after the end, and after quitting.
func TestWiped(t *testing.T) {
	for name, end := range map[string]func(p *pilot){
		"done": func(p *pilot) { p.events(eventsMsg{done: true}) },
		"quit": func(p *pilot) { p.wipe() },
	} {
		p := scene{play: walk(stateRecovery)}.open(t)
		p.press("m", "enter")
		p.enterText(fixedKey[24:])
		p.press("enter")
		p.at(stateConfirm)
		pass, key := p.answers.Passphrase, p.answers.RecoveryKey
		if string(key) != fixedKey {
			t.Fatal("no recovery key")
		}
		end(p)
		s, r := p.screens[statePassphrase].(*passphrase), p.screens[stateRecovery].(*recovery)
		if !s.first.clear() || !s.second.clear() || !r.typed.clear() || r.shown != nil || r.qr != nil ||
			strings.Trim(string(pass)+string(key), "\x00") != "" || p.answers.Passphrase != nil || p.answers.RecoveryKey != nil {
			t.Errorf("%s: something is left", name)
		}
	}
}

// TestRetry: an engine's copy of the secrets is wiped, and another try still has
// the secrets.
func TestRetry(t *testing.T) {
	p := scene{play: walk(stateConfirm)}.open(t)
	p.f.events = []engine.Event{{Kind: engine.KindFailed, Step: "preflight", Error: &sys.Fault{Step: "preflight", Cause: "no"}}}
	p.enterText("yes")
	p.press("enter")
	p.at(stateFailure)
	if a := p.f.started[0]; strings.Trim(string(a.Passphrase), "\x00") != "" {
		t.Errorf("the engine's copy is not wiped: %q", a.Passphrase)
	}
	p.f.seen = ""
	p.press("enter")
	p.at(stateFailure)
	if p.f.seen != "correct horse battery" || len(p.f.started) != 2 {
		t.Errorf("the second try has the passphrase %q", p.f.seen)
	}
	// An engine that cannot be started is a failure too.
	p.f.startErr = errors.New("no memory")
	p.press("enter")
	if p.at(stateFailure); p.session.run.failed.Cause != "no memory" {
		t.Errorf("%v", p.session.run.failed)
	}
	p.press("down", "enter") // start over
	p.at(stateWelcome)
	walk(stateConfirm)(p)
	if string(p.answers.Passphrase) != "correct horse battery" {
		t.Error("answers are lost")
	}
}
