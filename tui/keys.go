package tui

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// binding is one thing that a key does on a screen. The help line, the help screen
// and the handling use the same bindings. Those of one screen are in its file; here
// are the ones that several screens have.
type binding struct {
	key.Binding        // the keys, and one or two words for the help line
	long        string // a sentence for the help screen; empty: the words of the help line
	hide        bool   // on the help screen only
	do          action // nil: the kernel or the field with the keys does it
}

// action is what a key does. It returns a command, and where to go.
type action func(tea.KeyPressMsg) (tea.Cmd, state)

// bind makes a binding. Without keys it only explains something; it then gets
// its own name as a key, as bubbles' help leaves out what has none.
func bind(show, does string, keys ...string) binding {
	if len(keys) == 0 {
		keys = []string{show}
	}
	return binding{Binding: key.NewBinding(key.WithKeys(keys...), key.WithHelp(show, does))}
}

func (b binding) explained(long string) binding { b.long = long; return b }

func (b binding) hidden() binding { b.hide = true; return b }

func (b binding) does(do func() (tea.Cmd, state)) binding {
	b.do = func(tea.KeyPressMsg) (tea.Cmd, state) { return do() }
	return b
}

func (b binding) goes(to state) binding {
	return b.does(func() (tea.Cmd, state) { return nil, to })
}

// runs makes the binding run a command on the same screen.
func (b binding) runs(do func() tea.Cmd) binding {
	return b.does(func() (tea.Cmd, state) { return do(), stay })
}

// sets makes the binding change the screen.
func (b binding) sets(do func()) binding {
	return b.does(func() (tea.Cmd, state) { do(); return nil, stay })
}

// is reports whether a key press is the binding's.
func (b binding) is(msg tea.KeyPressMsg) bool { return key.Matches(msg, b.Binding) }

// press does what a key is bound to, and reports whether it is bound.
func press(keys []binding, msg tea.KeyPressMsg) (cmd tea.Cmd, to state, bound bool) {
	for _, b := range keys {
		if b.do != nil && b.is(msg) {
			cmd, to = b.do(msg)
			return cmd, to, true
		}
	}
	return nil, stay, false
}

var (
	keyUp    = bind("↑", "up", "up", "k", "shift+tab")
	keyDown  = bind("↓", "down", "down", "j", "tab")
	keyFirst = bind("Home", "first", "home", "g")
	keyLast  = bind("End", "last", "end", "G", "shift+g")
	keyNext  = bind("Enter", "go on", "enter").goes(next)
	keyBack  = bind("Esc", "back", "esc").explained("go back; your answers are kept").goes(back)

	keyMove   = bind("↑↓", "move", slices.Concat(keyUp.Keys(), keyDown.Keys())...).explained("move; also k and j, Shift+Tab and Tab")
	keyScroll = bind("↑↓", "scroll", keyMove.Keys()...).explained("scroll; also k and j, Shift+Tab and Tab")
	keyEnds   = bind("Home End", "ends", slices.Concat(keyFirst.Keys(), keyLast.Keys())...).
			explained("go to the first or the last; also g and G").hidden()

	keyErase  = bind("Ctrl+U", "erase", "ctrl+u").explained("erase the field").hidden() // every field does that
	keyHelp   = bind("?", "help", "?", "f1").explained("show all keys of this screen; also F1")
	keyRedraw = bind("Ctrl+L", "redraw", "ctrl+l").explained("redraw the screen, if something wrote over it").hidden().
			runs(func() tea.Cmd { return tea.ClearScreen })
)

// moves lists the keys that move the cursor of a list of n. Then, which may be nil,
// is what follows.
func moves(at *int, n int, then func() tea.Cmd) []binding {
	move, ends := keyMove, keyEnds
	move.do = moving(at, n, then)
	ends.do = move.do
	return []binding{move, ends}
}

func moving(at *int, n int, then func() tea.Cmd) action {
	return func(msg tea.KeyPressMsg) (tea.Cmd, state) {
		was := *at
		switch {
		case n == 0:
		case keyUp.is(msg):
			*at = (was + n - 1) % n
		case keyDown.is(msg):
			*at = (was + 1) % n
		case keyFirst.is(msg):
			*at = 0
		case keyLast.is(msg):
			*at = n - 1
		}
		if *at == was || then == nil {
			return nil, stay
		}
		return then(), stay
	}
}

// shows is the key that shows what is typed in a field of dots.
func shows(show *bool) binding {
	return bind("F2", "show", "f2", "ctrl+t").explained("show or hide what you type; also Ctrl+T").sets(func() { *show = !*show })
}

// keys are what the keys do now.
func (m *model) keys() []binding {
	switch {
	case m.quit.open:
		return m.quitKeys()
	case m.help.open:
		return []binding{bind("any key", "close"), keyRedraw, m.keyQuit()}
	}
	return m.screenKeys()
}

// screenKeys lists the keys of the screen, and those that every screen has.
func (m *model) screenKeys() []binding {
	help := keyHelp
	if m.typing() { // where ? is a character
		help = bind("F1", help.Help().Desc, "f1").explained("show all keys of this screen")
	}
	ks := append(m.shown().keys(), help.sets(m.openHelp), keyRedraw, m.keyQuit())
	if m.opts.Kiosk && m.opts.Console { // the kernel handles these
		ks = append(ks, bind("Alt+F2", "rescue shell").explained("go to the rescue shell; Alt+F1 comes back").hidden(),
			bind("Alt+F3", "log").explained("go to the whole log of the install").hidden())
	}
	return ks
}

func (m *model) keyQuit() binding {
	k := bind("Ctrl+C", "quit", "ctrl+c").explained("quit; asks first")
	if m.opts.Kiosk {
		k = bind("Ctrl+C", "leave", "ctrl+c").explained("power off, restart, or open a rescue shell; asks first")
	}
	return k.hidden().sets(func() { m.help, m.quit = help{}, quit{open: true} })
}
