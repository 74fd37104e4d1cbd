package tui

import (
	tea "charm.land/bubbletea/v2"
)

// binding is one thing that a key does on a screen. The help line, the help
// screen and the handling all come from the same list.
type binding struct {
	keys []string // as tea.KeyPressMsg's String names them
	show string   // how the keys are shown
	does string   // one or two words
	long string   // a sentence for the help screen; empty: does
	hide bool     // on the help screen only
}

func bind(show, does string, keys ...string) binding {
	return binding{keys: keys, show: show, does: does}
}

func (b binding) explained(long string) binding { b.long = long; return b }

func (b binding) hidden() binding { b.hide = true; return b }

// is tells whether a key press is the binding's.
func (b binding) is(msg tea.KeyPressMsg) bool {
	pressed := msg.String()
	for _, k := range b.keys {
		if k == pressed {
			return true
		}
	}
	return false
}

// The keys that mean the same everywhere.
var (
	keyUp     = bind("↑↓", "move", "up", "k", "shift+tab").explained("up; also k and Shift+Tab")
	keyDown   = bind("↓", "down", "down", "j", "tab").explained("down; also j and Tab").hidden()
	keyFirst  = bind("Home", "first", "home", "g").explained("to the first; also g").hidden()
	keyLast   = bind("End", "last", "end", "G", "shift+g").explained("to the last; also G").hidden()
	keyNext   = bind("Enter", "go on", "enter").explained("go on")
	keyBack   = bind("Esc", "back", "esc").explained("back to the screen before; what you answered is kept")
	keyHelp   = bind("?", "help", "?").explained("all keys of this screen")
	keyRedraw = bind("Ctrl+L", "redraw", "ctrl+l").explained("draw the screen anew, if something wrote over it").hidden()
	keyQuit   = bind("Ctrl+C", "quit", "ctrl+c").explained("quit; asks first").hidden()
)

// global are the keys that every screen has.
var global = []binding{keyHelp, keyRedraw, keyQuit}

// moved gives the new place in a list of n, or the old one.
func moved(msg tea.KeyPressMsg, at, n int) int {
	switch {
	case n == 0:
		return 0
	case keyUp.is(msg):
		return (at + n - 1) % n
	case keyDown.is(msg):
		return (at + 1) % n
	case keyFirst.is(msg):
		return 0
	case keyLast.is(msg):
		return n - 1
	}
	return at
}
