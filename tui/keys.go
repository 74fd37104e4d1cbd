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
	do          func(tea.KeyPressMsg)
	to          state // where to go, before do decides otherwise
}

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

func (b binding) goes(to state) binding { b.to = to; return b }

// does makes the binding do that, on the same screen.
func (b binding) does(do func()) binding {
	b.do, b.to = func(tea.KeyPressMsg) { do() }, stay
	return b
}

func (b binding) is(msg tea.KeyPressMsg) bool { return key.Matches(msg, b.Binding) }

// press does what a key is bound to, and reports whether it is bound. The kernel or
// the field with the keys handles bindings that do nothing.
func (m *model) press(msg tea.KeyPressMsg) bool {
	for _, b := range m.keys() {
		if b.is(msg) && (b.do != nil || b.to != stay) {
			m.to = b.to
			if b.do != nil {
				b.do(msg)
			}
			return true
		}
	}
	return false
}

var (
	keyUp    = bind("↑", "up", "up", "k", "shift+tab")
	keyDown  = bind("↓", "down", "down", "j", "tab")
	keyFirst = bind("Home", "first", "home", "g")
	keyLast  = bind("End", "last", "end", "G", "shift+g")
	keyNext  = bind("Enter", "go on", "enter").goes(next)
	keyBack  = bind("Esc", "back", "esc").explained("go back; your answers are kept").goes(back)

	keyMove = bind("↑↓", "move", slices.Concat(keyUp.Keys(), keyDown.Keys())...).
		explained("move; also k and j, Shift+Tab and Tab")
	keyScroll = bind("↑↓", "scroll", keyMove.Keys()...).explained("scroll; also k and j, Shift+Tab and Tab")
	keyEnds   = bind("Home End", "ends", slices.Concat(keyFirst.Keys(), keyLast.Keys())...).
			explained("go to the first or the last; also g and G").hidden()

	keyErase = bind("Ctrl+U", "erase", "ctrl+u").explained("erase the field").hidden() // every field does that
	keyHelp  = bind("?", "help", "?", "f1").explained("show all keys of this screen; also F1")
)

// moves lists the keys that move the cursor of a list of n. Then, which may be nil,
// is what follows.
func moves(at *int, n int, then func()) []binding {
	move, ends := keyMove, keyEnds
	move.do = moving(at, n, then)
	ends.do = move.do
	return []binding{move, ends}
}

func moving(at *int, n int, then func()) func(tea.KeyPressMsg) {
	return func(msg tea.KeyPressMsg) {
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
		if *at != was && then != nil {
			then()
		}
	}
}

// shows is the key that shows what is typed in a field of dots.
func shows(show *bool) binding {
	return bind("F2", "show", "f2", "ctrl+t").explained("show or hide what you type; also Ctrl+T").
		does(func() { *show = !*show })
}

func (m *model) keys() []binding {
	switch {
	case m.quit.open:
		return m.quitKeys()
	case m.help.open:
		return []binding{bind("any key", "close"), m.keyRedraw(), m.keyQuit()}
	}
	return m.screenKeys()
}

// screenKeys lists the keys of the screen, and those that every screen has.
func (m *model) screenKeys() []binding {
	help := keyHelp
	if m.typing() { // where ? is a character
		help = bind("F1", help.Help().Desc, "f1").explained("show all keys of this screen")
	}
	ks := append(m.shown().keys(), help.does(m.openHelp), m.keyRedraw(), m.keyQuit())
	if m.opts.Kiosk && m.opts.Console { // the kernel handles these
		ks = append(ks, bind("Alt+F2", "rescue shell").explained("go to the rescue shell; Alt+F1 comes back").hidden(),
			bind("Alt+F3", "log").explained("go to the whole log of the install").hidden())
	}
	return ks
}

func (m *model) keyRedraw() binding {
	return bind("Ctrl+L", "redraw", "ctrl+l").explained("redraw the screen, if something wrote over it").hidden().
		does(func() { m.start(tea.ClearScreen) })
}

func (m *model) keyQuit() binding {
	k := bind("Ctrl+C", "quit", "ctrl+c").explained("quit; asks first")
	if m.opts.Kiosk {
		k = bind("Ctrl+C", "leave", "ctrl+c").explained("power off, restart, or open a rescue shell; asks first")
	}
	return k.hidden().does(func() { m.help, m.quit = help{}, quit{open: true} })
}
