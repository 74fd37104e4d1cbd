package tui

import (
	"flag"
	"os"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"auto-installer/hosts"
	"auto-installer/steps"
)

var update = flag.Bool("update", false, "write the golden frames")

// pilot drives a model without a terminal: it runs the commands that Update
// returns, and feeds back what they return.
type pilot struct {
	t testing.TB
	*model
	f *fake
}

func fly(t testing.TB, f *fake, names ...string) *pilot {
	t.Helper()
	var hs []hosts.Host
	for _, n := range names {
		h, err := hosts.Load(n)
		if err != nil {
			t.Fatal(err)
		}
		hs = append(hs, h)
	}
	banner, err := os.ReadFile("../assets/banner.txt")
	if err != nil {
		t.Fatal(err)
	}
	m := newModel(f, Options{
		Banner: string(banner), Version: "1.0.0", Revision: "4d866d2", Hosts: hs,
		Fill: func(a *steps.Answers) {
			a.HostArg = a.Host.TargetHost
			if a.Host.Prebuilt {
				a.System = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-system-" + a.Host.TargetHost
			}
		},
	})
	p := &pilot{t, m, f}
	p.do(m.shown().enter)
	p.do(m.listDisks)
	return p
}

// run executes a command and all that follows from it, but for ticks and
// waiting.
func (p *pilot) run(cmd tea.Cmd) {
	p.t.Helper()
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil, tickMsg:
	case tea.BatchMsg:
		for _, c := range msg {
			p.run(c)
		}
	default:
		_, next := p.Update(msg)
		p.run(next)
	}
}

// do does what Update might, and all that follows.
func (p *pilot) do(what func()) {
	p.t.Helper()
	what()
	p.run(p.settle())
}

// events takes a batch, and stops there.
func (p *pilot) events(msg eventsMsg) {
	p.model.events(msg)
	_ = p.settle()
}

// send gives a message to the model.
func (p *pilot) send(msg tea.Msg) {
	p.t.Helper()
	if _, ok := msg.(tickMsg); ok { // without waiting for the next
		p.do(p.tick)
		return
	}
	_, cmd := p.Update(msg)
	p.run(cmd)
}

var named = map[string]rune{
	"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown,
	"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
	"backspace": tea.KeyBackspace, "space": tea.KeySpace, "f1": tea.KeyF1, "f2": tea.KeyF2,
}

// sees lets the model see whether an install runs, without running what follows.
func (p *pilot) sees(running bool) {
	p.seen(running)
	_ = p.settle()
}

// press presses keys, by their names.
func (p *pilot) press(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		p.send(keyMsg(k))
	}
}

func keyMsg(k string) tea.KeyPressMsg {
	if rest, ok := strings.CutPrefix(k, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: []rune(rest)[0], Mod: tea.ModCtrl}
	}
	if k == "G" || k == "N" {
		return tea.KeyPressMsg{Code: []rune(strings.ToLower(k))[0], ShiftedCode: []rune(k)[0], Text: k, Mod: tea.ModShift}
	}
	if rest, ok := strings.CutPrefix(k, "shift+"); ok {
		return tea.KeyPressMsg{Code: named[rest], Mod: tea.ModShift}
	}
	if code, ok := named[k]; ok {
		text := ""
		if k == "space" {
			text = " "
		}
		return tea.KeyPressMsg{Code: code, Text: text}
	}
	return tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
}

// enterText types text, a key a character.
func (p *pilot) enterText(text string) {
	p.t.Helper()
	for _, r := range text {
		if r == ' ' {
			p.press("space")
			continue
		}
		p.press(string(r))
	}
}

func (p *pilot) at(s state) {
	p.t.Helper()
	if p.state != s {
		p.t.Fatalf("on screen %s, want %s\n%s", p.state, s, p.frame())
	}
}

// frame is what the terminal would show, without colours.
func (p *pilot) frame() string { return ansi.Strip(p.View().Content) }
