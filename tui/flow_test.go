package tui

import (
	"errors"
	"slices"
	"testing"

	"auto-installer/tui/machine"
)

// TestKeymapsInTurn: keymaps are applied one after the other, and the last one
// that was wanted stays, however fast one moves through them.
func TestKeymapsInTurn(t *testing.T) {
	p := scene{play: walk(stateKeyboard)}.open(t)
	k := p.screens[stateKeyboard].(*keyboard)
	if p.keymap != "us" || !slices.Equal(p.f.loaded, []string{"us"}) {
		t.Fatalf("the host's own is not loaded: %v", p.f.loaded)
	}
	_, first := p.Update(keyMsg("up"))
	if first == nil {
		t.Fatal("nothing is loaded")
	}
	for range 3 {
		if _, cmd := p.Update(keyMsg("up")); cmd != nil {
			t.Error("two are loaded at once")
		}
	}
	want := k.matches()[k.at]
	p.run(first)
	if p.keymap != want || k.matches()[k.at] != want || p.f.loaded[len(p.f.loaded)-1] != want {
		t.Errorf("keymap %s, cursor %s, loaded %v, want %s", p.keymap, k.matches()[k.at], p.f.loaded, want)
	}
	// The host's own does not replace what was chosen.
	p.press("esc", "enter")
	if p.keymap != want {
		t.Errorf("keymap %s", p.keymap)
	}
}

// TestFoundKeymapIsTaken: Enter goes on with the keymap under the cursor, once it
// is loaded, and Tab tries that one.
func TestFoundKeymapIsTaken(t *testing.T) {
	for _, c := range []struct {
		typed, key, want string
		on               bool
	}{
		{"de", "enter", "de", true}, // of two
		{"-", "enter", "de-latin1", true},
		{"la", "tab", "de-latin1", false},
		{"de", "tab", "de", false},
		{"cz", "enter", "us", true}, // it cannot be loaded, and that was said
		{"xyz", "enter", "us", true},
	} {
		p := scene{play: walk(stateKeyboard)}.open(t)
		p.enterText(c.typed)
		p.press(c.key)
		if p.keymap != c.want || c.on == (p.state == stateKeyboard) {
			t.Errorf("%s, %s: keymap %s, screen %d", c.typed, c.key, p.keymap, p.state)
		}
	}
}

// TestRescanWhileAsking: a passphrase goes to the network that it was typed for.
func TestRescanWhileAsking(t *testing.T) {
	f := newFake(t)
	f.noNetwork(true)
	p := fly(t, f, "ultraviolet")
	walk(stateNetwork)(p)
	n := p.screens[stateNetwork].(*network)
	at := slices.IndexFunc(n.aps, func(ap machine.AccessPoint) bool { return ap.Secured })
	n.at = at
	want := n.aps[at].Name()
	// In another order, the cursor stays on it.
	turned := slices.Clone(n.aps)
	slices.Reverse(turned)
	n.heard(turned, nil)
	if got := n.aps[n.at].Name(); got != want {
		t.Errorf("the cursor is on %s, and was on %s", got, want)
	}
	p.press("enter")
	n.heard(nil, errors.New("the adapter is gone"))
	p.enterText("correct horse")
	p.press("enter")
	if f.joined != want+" correct horse" {
		t.Errorf("joined %q, and not %q", f.joined, want)
	}
}

// TestOtherHostsKeymap: the keymap follows the host, unless one was chosen.
func TestOtherHostsKeymap(t *testing.T) {
	p := fly(t, newFake(t), "stygianlibrary", "demo")
	p.hosts[1].Keymap = "fr"
	p.press("enter")
	p.at(stateKeyboard)
	p.press("esc", "down", "enter")
	if p.keymap != "fr" {
		t.Errorf("keymap %s", p.keymap)
	}
}

// TestNetworkGoesOn: the screen goes on by itself as soon as there is a
// network, and is not shown where none is needed.
func TestNetworkGoesOn(t *testing.T) {
	f := newFake(t)
	f.noNetwork(false)
	p := fly(t, f, "ultraviolet")
	walk(stateNetwork)(p)
	p.at(stateNetwork)
	f.network.Reachable = true
	for range networkEvery {
		p.send(tickMsg{})
	}
	p.at(stateDisk)
	p.press("esc")
	p.at(stateKeyboard) // there is nothing to ask any more
	// What was seen for one host does not count for another.
	p = fly(t, newFake(t), "ultraviolet", "vermissian")
	p.press("down", "enter")
	n := p.screens[stateNetwork].(*network)
	if p.host().TargetHost != "vermissian" || !n.looked() && n.skip() {
		t.Error("the network of another host counts")
	}
}

// TestCountdown: any key holds it, and Enter ends it.
func TestCountdown(t *testing.T) {
	for _, k := range []string{"x", "?", "ctrl+l", "ctrl+c", "esc", "space", "f1"} {
		p := scene{play: func(p *pilot) { p.finish() }}.open(t)
		p.press(k)
		d := p.screens[stateDone].(*done)
		d.until = epoch
		p.send(tickMsg{})
		if len(p.f.calls) > 0 {
			t.Errorf("%s does not hold: %v", k, p.f.calls)
		}
	}
	p := scene{play: func(p *pilot) { p.finish() }}.open(t)
	p.send(tickMsg{})
	if len(p.f.calls) > 0 {
		t.Errorf("too early: %v", p.f.calls)
	}
	p.screens[stateDone].(*done).until = epoch
	p.send(tickMsg{})
	p.send(tickMsg{})
	if !slices.Equal(p.f.calls, []string{"power off"}) {
		t.Errorf("%v", p.f.calls)
	}
	p = scene{play: func(p *pilot) { p.finish() }}.open(t)
	p.answers.Host.PowerOff = false
	p.press("x", "enter")
	if !slices.Equal(p.f.calls, []string{"reboot"}) {
		t.Errorf("%v", p.f.calls)
	}
}
