package tui

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// Every key of every screen is in this file: first those that mean the same
// everywhere, then those of each screen with the list that its help shows.

// binding is one thing that a key does on a screen. The help line, the help
// screen and the handling use the same bindings.
type binding struct {
	key.Binding        // the keys, and one or two words for the help line
	long        string // a sentence for the help screen; empty: the words of the help line
	hide        bool   // on the help screen only
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

// is reports whether a key press is the binding's.
func (b binding) is(msg tea.KeyPressMsg) bool { return key.Matches(msg, b.Binding) }

// The keys that mean the same everywhere.
var (
	keyUp     = bind("↑", "up", "up", "k", "shift+tab")
	keyDown   = bind("↓", "down", "down", "j", "tab")
	keyFirst  = bind("Home", "first", "home", "g")
	keyLast   = bind("End", "last", "end", "G", "shift+g")
	keyNext   = bind("Enter", "go on", "enter")
	keyBack   = bind("Esc", "back", "esc").explained("go back; your answers are kept")
	keyHelp   = bind("?", "help", "?", "f1").explained("show all keys of this screen; also F1")
	keyRedraw = bind("Ctrl+L", "redraw", "ctrl+l").explained("redraw the screen, if something wrote over it").hidden()
	keyQuit   = bind("Ctrl+C", "quit", "ctrl+c").explained("quit; asks first").hidden()

	keyMove   = bind("↑↓", "move", slices.Concat(keyUp.Keys(), keyDown.Keys())...).explained("move; also k and j, Shift+Tab and Tab")
	keyScroll = bind("↑↓", "scroll", keyMove.Keys()...).explained("scroll; also k and j, Shift+Tab and Tab")
	keyEnds   = bind("Home End", "ends", slices.Concat(keyFirst.Keys(), keyLast.Keys())...).
			explained("go to the first or the last; also g and G").hidden()

	keyShow  = bind("F2", "show", "f2", "ctrl+t").explained("show or hide what you type; also Ctrl+T")
	keyErase = bind("Ctrl+U", "erase", "ctrl+u").explained("erase the field").hidden()

	// keyHelpTyping is the key for help where ? is a character.
	keyHelpTyping = bind("F1", "help", "f1").explained("show all keys of this screen")
	// keyLeaveKiosk is shown in place of keyQuit on a kiosk.
	keyLeaveKiosk = bind("Ctrl+C", "leave", keyQuit.Keys()...).explained("power off, restart, or open a rescue shell; asks first").hidden()
	// keysConsoles are handled by the kernel, on a virtual console.
	keysConsoles = []binding{
		bind("Alt+F2", "rescue shell").explained("go to the rescue shell; Alt+F1 comes back").hidden(),
		bind("Alt+F3", "log").explained("go to the whole log of the install").hidden(),
	}
	helpKeys = []binding{bind("any key", "close"), keyScroll.hidden()}
)

// everywhere lists the keys that every screen has.
func (m *model) everywhere() []binding {
	ks := []binding{keyHelp, keyRedraw, keyQuit}
	if m.typing() {
		ks[0] = keyHelpTyping
	}
	if m.opts.Kiosk {
		ks[2] = keyLeaveKiosk
		if m.opts.Console {
			ks = append(ks, keysConsoles...)
		}
	}
	return ks
}

var keyAgain = bind("r", "check again", "r").explained("repeat the checks")

func (w *welcome) keys() []binding {
	ks := []binding{keyNext.explained("start; nothing is written until you confirm"), keyAgain}
	switch len(w.hosts) {
	case 0:
		return nil
	case 1:
		return ks
	}
	return slices.Insert(ks, 1, keyMove, keyEnds)
}

var (
	keyTry     = bind("Tab", "try it", "tab", "shift+tab").explained("go to the line for trying the keys, and back to the list")
	keyToList  = bind("Tab", "list", keyTry.Keys()...).explained("go back to the list")
	keyKeymaps = bind("↑↓", "choose", "up", "down", "home", "end").explained("load the keymap at once; also Home, End")
	keyFind    = bind("letters", "find").explained("type a part of a keymap's name")
)

func (k *keyboard) keys() []binding {
	on := keyNext.explained("go on with this keymap")
	if k.trying {
		return []binding{on, keyToList, keyErase, keyBack}
	}
	return []binding{on, keyTry, keyKeymaps, keyFind, keyErase, keyBack}
}

var (
	keyOpen  = bind("Enter", "open", "enter").explained("open the sealed keys")
	keyLater = bind("F3", "without", "f3", "ctrl+n").explained("go on without; the install later waits for the age identity; also Ctrl+N")
)

func (b *bundle) keys() []binding {
	switch {
	case b.opened():
		return []binding{keyNext, keyBack}
	case b.opening:
		return []binding{keyBack}
	}
	return []binding{keyOpen, keyShow, keyErase, keyLater, keyBack}
}

var (
	keyJoin      = bind("Enter", "join", "enter").explained("join this network")
	keyLookAgain = bind("r", "look again", "r").explained("look for a network now; the screen also looks by itself")
	keyScan      = bind("s", "scan Wi-Fi", "s").explained("look for Wi-Fi networks")
	keyAnyway    = bind("c", "go on anyway", "c").explained("go on without; the install stops before the first write if it has no network")
)

func (n *network) keys() []binding {
	if n.asking {
		return []binding{keyJoin, keyShow, keyErase, keyBack.explained("choose another network")}
	}
	ks := []binding{keyLookAgain, keyAnyway, keyBack}
	if n.network.WiFi {
		ks = slices.Concat([]binding{keyJoin, keyMove, keyEnds, keyScan}, ks)
	}
	return ks
}

var keyDetails = bind("d", "details", "d", "space").explained("show more or less about this disk; also Space")

func (d *diskScreen) keys() []binding {
	return []binding{keyMove, keyEnds, keyNext.explained("choose this disk; nothing is written yet"), keyDetails, keyBack}
}

func (u *unfinished) keys() []binding {
	return []binding{keyMove, keyEnds, keyNext.explained("do what is chosen; nothing is written yet"), keyBack}
}

var (
	keySave    = bind("w", "save", "w").explained("save the plan as a file")
	keyCommand = bind("c", "command", "c").explained("show the command that does the same without questions")
)

func (s *planScreen) keys() []binding {
	return []binding{keyNext.explained("go on; nothing is written yet"), keyBack, keyCommand, keySave, keyScroll, keyEnds}
}

var (
	keyField  = bind("Tab", "other field", "tab", "shift+tab", "up", "down").explained("go to the other field; also ↑ and ↓")
	keyRetype = bind("F3", "retype", "f3", "ctrl+r").explained("load the boot prompt's keymap and type the passphrase again; also Ctrl+R")
)

func (p *passphrase) keys() []binding {
	switch {
	case p.doubt != "":
		return []binding{keyNext.explained("go on with this passphrase"), keyRetype, keyField, keyShow, keyErase, keyBack}
	case p.reopens():
		return []binding{keyNext, keyShow, keyErase, keyBack}
	}
	return []binding{keyNext, keyField, keyShow, keyErase, keyBack}
}

var (
	keyMake    = bind("m", "make one", "m").explained("make one; it is shown once, as text and as a QR code")
	keyNone    = bind("Enter", "go on without", "enter").explained("go on without a recovery key")
	keyKeep    = bind("Enter", "keep it", "enter").explained("go on with this recovery key")
	keyAnother = bind("m", "make another", "m").explained("drop this recovery key and make another")
	keyDrop    = bind("x", "go without", "x").explained("drop this recovery key and go on without")
	keyWritten = bind("Enter", "I have written it down", "enter")
	keyCheck   = bind("Enter", "check", "enter").explained("check what you typed")
)

func (r *recovery) keys() []binding {
	switch {
	case r.stage == recoveryShow:
		return []binding{keyWritten, keyBack.explained("drop this recovery key")}
	case r.stage == recoveryConfirm:
		return []binding{keyCheck, keyErase, keyBack.explained("show the recovery key again")}
	case r.answers.RecoveryKey != nil:
		return []binding{keyKeep, keyAnother, keyDrop, keyBack}
	}
	return []binding{keyMake, keyNone, keyBack}
}

func (f *confirm) keys() []binding {
	return []binding{bind("yes Enter", "install", "enter").explained("type yes and press Enter to start the install"), keyErase, keyBack}
}

var (
	keyFull    = bind("Enter", "full log", "enter", "z").explained("show the log on the whole screen, and back; also z")
	keyWithout = bind("n", "go without", "n").explained("go on without it; asks first")
	keySure    = bind("y", "go without it", "y").explained("go on without it; a warning is shown at the end")
)

func (i *install) keys() []binding {
	switch {
	case i.run.log.searching:
		return i.run.log.keys()
	case i.awaits() && i.without:
		return []binding{keySure, keyBack.explained("go on waiting")}
	case i.awaits():
		return []binding{keyWithout, keyFull}
	}
	return append([]binding{keyFull}, i.run.log.keys()...)
}

var (
	keyFollow  = bind("f", "follow", "f").explained("follow the newest line")
	keyWrap    = bind("w", "wrap", "w").explained("wrap long lines, and show store paths whole")
	keySearch  = bind("/", "search", "/").explained("search upwards from here")
	keyPageUp  = bind("PgUp", "page", "pgup", "b", "ctrl+b").explained("go a page up; also b")
	keyPageDn  = bind("PgDn", "page down", "pgdown", "space", "ctrl+f").explained("go a page down; also Space").hidden()
	keyOlder   = bind("n", "older match", "n").explained("go to the next match, further up").hidden()
	keyNewer   = bind("N", "newer match", "N", "shift+n").explained("go to the previous match, further down").hidden()
	keyDoFind  = bind("Enter", "search", "enter")
	keyNoMatch = bind("Esc", "leave", "esc").explained("leave the search")
)

func (l *logPane) keys() []binding {
	if l.searching {
		return []binding{keyDoFind, keyErase, keyNoMatch}
	}
	return []binding{keyScroll, keyPageUp, keyFollow, keySearch, keyWrap, keyPageDn, keyEnds, keyOlder, keyNewer}
}

func (f *failure) keys() []binding {
	switch {
	case f.log && f.run.log.searching:
		return f.run.log.keys()
	case f.log:
		return append(f.run.log.keys(), keyBack.explained("back to the choices"))
	case f.asking:
		return []binding{keyMove, keyEnds, bind("Enter", "save", "enter").explained("save the log there"), keyBack.explained("save no log")}
	}
	return []binding{keyMove, keyEnds, bind("Enter", "do it", "enter").explained("do what is chosen")}
}

var keyPower = bind("Enter", "", "enter")

func (d *done) keys() []binding {
	power := bind("Enter", powerVerb(d.reboots())+" now", keyPower.Keys()...)
	if d.held {
		return []binding{power}
	}
	return []binding{bind("any key", "hold").explained("stop the countdown"), power}
}

var (
	keyLeave    = bind("q", "quit", "q")
	keyGoOn     = bind("q", "leave", keyLeave.Keys()...).explained("leave; the install goes on by itself")
	keyStay     = bind("Esc", "stay", "esc", "enter", "n").explained("stay here")
	keyStop     = bind("s", "stop", "s").explained("stop the install")
	keyPowerOff = bind("p", "power off", "p")
	keyRestart  = bind("r", "restart", "r")
	keyShell    = bind("c", "shell", "c")
)

// quitKeys are the answers to the quit question.
func (m *model) quitKeys() []binding {
	shell := keyShell.explained("rescue shell, " + m.shellBack())
	switch {
	case m.opts.Kiosk && m.running():
		return []binding{keyStop, shell, keyStay}
	case m.opts.Kiosk:
		return []binding{keyPowerOff, keyRestart, shell, keyStay}
	case m.running():
		return []binding{keyStop, keyGoOn, keyStay}
	}
	return []binding{keyLeave, keyStay}
}
