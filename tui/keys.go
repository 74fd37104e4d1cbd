package tui

import (
	"slices"

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
func (b binding) is(msg tea.KeyPressMsg) bool { return slices.Contains(b.keys, msg.String()) }

// The keys that mean the same everywhere.
var (
	keyUp     = bind("↑", "up", "up", "k", "shift+tab")
	keyDown   = bind("↓", "down", "down", "j", "tab")
	keyFirst  = bind("Home", "first", "home", "g")
	keyLast   = bind("End", "last", "end", "G", "shift+g")
	keyNext   = bind("Enter", "go on", "enter").explained("go on")
	keyBack   = bind("Esc", "back", "esc").explained("back; what you answered is kept")
	keyHelp   = bind("?", "help", "?", "f1").explained("all keys of this screen; also F1")
	keyRedraw = bind("Ctrl+L", "redraw", "ctrl+l").explained("draw anew, if something wrote over it").hidden()
	keyQuit   = bind("Ctrl+C", "quit", "ctrl+c").explained("quit; asks first").hidden()
)

// keyHelpTyping is help's key where ? is a character like others.
var keyHelpTyping = bind("F1", keyHelp.does, "f1").explained("all keys of this screen")

// moves are the keys of a list.
var moves = []binding{
	{
		keys: slices.Concat(keyUp.keys, keyDown.keys), show: "↑↓", does: "move",
		long: "move; also k and j, Shift+Tab and Tab",
	},
	{
		keys: slices.Concat(keyFirst.keys, keyLast.keys), show: "Home End", does: "ends",
		long: "to the first, to the last; also g and G", hide: true,
	},
}

// keysKiosk take the place of keyQuit on a kiosk, which nobody leaves.
var keysKiosk = []binding{
	bind("Ctrl+C", "leave", "ctrl+c").explained("power off, restart, or a rescue shell; asks first").hidden(),
}

// keysConsoles are the kernel's own, on a virtual console.
var keysConsoles = []binding{
	bind("Alt+F2", "rescue shell").explained("the rescue shell; Alt+F1 comes back").hidden(),
	bind("Alt+F3", "log").explained("the log of the install, every line of it").hidden(),
}

// global are the keys that every screen has.
func (m *model) global() []binding {
	ks := []binding{keyHelp, keyRedraw}
	if m.typing() {
		ks[0] = keyHelpTyping
	}
	switch {
	case m.opts.Kiosk && m.opts.Console:
		return slices.Concat(ks, keysKiosk, keysConsoles)
	case m.opts.Kiosk:
		return slices.Concat(ks, keysKiosk)
	}
	return append(ks, keyQuit)
}

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
