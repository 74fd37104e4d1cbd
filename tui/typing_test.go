package tui

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/console/keymap"
)

const dvorakUS = "typing dvorak us"

func TestPassphraseUnderAnotherKeymap(t *testing.T) {
	at := func(ty keymap.Typing) (*pilot, *passphrase) {
		p := scene{play: dvorak, fake: func(f *fake) { f.typing = ty }}.open(t)
		p.secret("correct horse")
		if !slices.Contains(p.f.calls, dvorakUS) {
			t.Fatalf("not tried: %q", p.f.calls)
		}
		return p, p.screens[statePassphrase].(*passphrase)
	}

	// The same keys: nothing is said.
	p, _ := at(keymap.Typing{})
	p.at(stateRecovery)
	// An accent key is the engine's to warn of.
	p, _ = at(keymap.Typing{Accents: 1})
	p.at(stateRecovery)

	// Other keys: a warning; Enter goes on.
	p, s := at(keymap.Typing{Moved: 6})
	if p.at(statePassphrase); !strings.Contains(s.doubt, "6 of its characters are on other keys at the boot prompt, whose keymap is us") {
		t.Errorf("%q", s.doubt)
	}
	p.press("enter")
	if p.at(stateRecovery); string(p.answers.Passphrase) != "correct horse" {
		t.Errorf("%q", p.answers.Passphrase)
	}

	// A changed passphrase is compared again.
	p, s = at(keymap.Typing{Moved: 1})
	p.press("x")
	if s.doubt != "" || p.note.text != "" {
		t.Errorf("%q, %q", s.doubt, p.note.text)
	}
	p.press("backspace", "enter")
	if p.at(statePassphrase); s.doubt == "" {
		t.Error("not compared again")
	}

	// Typed again with the boot prompt's keymap, there is nothing to compare.
	p, s = at(keymap.Typing{Moved: 6})
	p.press("f3")
	if p.at(statePassphrase); p.keymap != "us" || s.doubt != "" || !s.first.empty() || !s.second.empty() || s.at != 0 {
		t.Errorf("keymap %q, %+v", p.keymap, s)
	}
	if p.f.loaded[len(p.f.loaded)-1] != "us" {
		t.Errorf("loaded %q", p.f.loaded)
	}
	p.f.calls = nil
	p.secret("battery staple")
	if p.at(stateRecovery); string(p.answers.Passphrase) != "battery staple" || slices.Contains(p.f.calls, dvorakUS) {
		t.Errorf("%q, %q", p.answers.Passphrase, p.f.calls)
	}

	// What cannot be typed at all is not taken.
	p, _ = at(keymap.Typing{Moved: 1, Missing: 1})
	p.press("enter")
	if p.at(statePassphrase); !strings.Contains(p.note.text, "1 of its characters is on no key at the boot prompt") || p.answers.Passphrase != nil {
		t.Errorf("%q", p.note.text)
	}
}

// A keymap that cannot be looked at does not hold up the install.
func TestKeymapThatCannotBeLookedAt(t *testing.T) {
	p := scene{play: dvorak}.open(t)
	s := p.screens[statePassphrase].(*passphrase)
	s.trying = true
	s.first.insert("correct horse")
	if s.compared(keymap.Typing{}, errors.New("no loadkeys")); p.to != next {
		t.Error("it does")
	}
	// Nor does an answer that comes after the screen was left.
	s.trying, p.to = false, stay
	if s.compared(keymap.Typing{}, nil); p.to != stay {
		t.Error("a late answer goes on by itself")
	}
}
