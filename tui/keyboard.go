package tui

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
)

// keyboard chooses the console's keymap. It is applied at once, so that what
// is typed on the try line, and later as a passphrase, is what the keys say.
type keyboard struct {
	*session
	all     []string
	listed  bool
	filter  string
	at      int  // the keymap that Enter takes, -1 for none: it stays as it is
	trying  bool // the try line has the keys
	chose   bool // the operator did, not the host
	wanted  string
	loading bool
	going   bool // on with the next screen, once it is loaded
	failed  bool // the one at the cursor cannot be loaded: Enter goes on without it
	tried   string
	err     error
}

func newKeyboard(s *session) *keyboard { return &keyboard{session: s, at: -1} }

func (k *keyboard) name() string { return "Keyboard" }

func (k *keyboard) typing() bool { return true }

var keyTry = bind("Tab", "try it", "tab", "shift+tab").explained("to the line for trying the keys, and back to the list")

func (k *keyboard) keys() []binding {
	if k.trying {
		return []binding{keyNext.explained("go on with this keymap"), bind("Tab", "list", keyTry.keys...).explained("back to the list"), keyErase, keyBack}
	}
	return []binding{
		keyNext.explained("go on with this keymap"), keyTry,
		bind("↑↓", "choose", "up", "down", "home", "end").explained("the keymap is applied at once; also Home, End"),
		bind("letters", "find").explained("type a part of a keymap's name"),
		keyErase, keyBack,
	}
}

type (
	keymapsMsg []string
	keymapMsg  struct {
		name string
		err  error
	}
)

func (k *keyboard) enter() tea.Cmd {
	k.trying, k.going, k.failed, k.tried = false, false, false, ""
	b := k.backend
	cmds := []tea.Cmd{func() tea.Msg { return keymapsMsg(b.Keymaps()) }}
	// The host's own is loaded unless the operator has chosen one.
	if own := k.host().Keymap; own != "" && own != k.keymap && !k.chose {
		cmds = append(cmds, k.load(own))
	}
	return tea.Batch(cmds...)
}

// load applies a keymap. One is applied after the other: the last that was
// wanted is the one that stays.
func (k *keyboard) load(name string) tea.Cmd {
	k.wanted = name
	if k.loading {
		return nil
	}
	k.loading = true
	b := k.backend
	return func() tea.Msg { return keymapMsg{name, b.SetKeymap(context.Background(), name)} }
}

// shown are the keymaps that match what was typed.
func (k *keyboard) shown() []string {
	if k.filter == "" {
		return k.all
	}
	var out []string
	for _, name := range k.all {
		if strings.Contains(name, k.filter) {
			out = append(out, name)
		}
	}
	return out
}

func (k *keyboard) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case keymapsMsg:
		k.all, k.listed = msg, true
		k.place()
	case keymapMsg:
		k.loading = false
		if k.err = msg.err; k.err == nil {
			k.keymap = msg.name
		}
		if k.wanted != msg.name {
			return k.load(k.wanted), stay
		}
		if k.going && k.err == nil {
			return nil, next
		}
		k.going, k.failed = false, k.err != nil
		if !k.chose {
			k.place()
		}
	case tea.KeyPressMsg:
		if k.trying {
			return k.tryKey(msg)
		}
		return k.key(msg)
	}
	return nil, stay
}

// place puts the cursor on the keymap that is loaded or about to be, else on the
// host's own. If that is not in the list, no other is highlighted instead.
func (k *keyboard) place() {
	name := or(k.keymap, k.host().Keymap)
	if k.loading {
		name = k.wanted
	}
	k.at = slices.Index(k.shown(), name)
}

func (k *keyboard) tryKey(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	switch {
	case keyTry.is(msg):
		k.trying = false
	case keyBack.is(msg):
		return nil, back
	case keyNext.is(msg):
		return nil, next
	case msg.String() == "backspace" || msg.String() == "ctrl+h":
		_, n := utf8.DecodeLastRuneInString(k.tried)
		k.tried = k.tried[:len(k.tried)-n]
	case keyErase.is(msg):
		k.tried = ""
	case len(k.tried) < 120:
		k.tried += msg.Text
	}
	return nil, stay
}

func (k *keyboard) key(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	list := k.shown()
	switch s := msg.String(); {
	case keyTry.is(msg):
		k.trying = true
		return k.take(), stay
	case keyBack.is(msg):
		return nil, back
	case keyNext.is(msg):
		if cmd := k.take(); cmd != nil || k.loading {
			k.going = true
			return cmd, stay
		}
		return nil, next
	case keyErase.is(msg):
		k.find("")
		return nil, stay
	case s == "backspace" || s == "ctrl+h":
		k.find(k.filter[:max(0, len(k.filter)-1)])
		return nil, stay
	case s == "up" || s == "down" || s == "home" || s == "end":
		to := moved(msg, k.at, len(list))
		if to == k.at || len(list) == 0 {
			return nil, stay
		}
		k.at, k.chose, k.failed = to, true, false
		return k.load(list[to]), stay
	case msg.Text != "" && msg.Text[0] > ' ' && msg.Text[0] < 0x7f && len(k.filter) < 20:
		k.find(k.filter + strings.ToLower(msg.Text))
		if len(k.shown()) == 1 {
			return k.take(), stay
		}
	}
	return nil, stay
}

// find shows the keymaps of which the text is a part. The cursor goes to the
// one that is meant: of that very name, or that begins so, or the first.
func (k *keyboard) find(text string) {
	k.filter, k.at, k.failed = text, 0, false
	if text == "" {
		k.place()
		return
	}
	list := k.shown()
	if k.at = slices.Index(list, text); k.at < 0 {
		k.at = max(0, slices.IndexFunc(list, func(name string) bool { return strings.HasPrefix(name, text) }))
	}
}

// take loads the keymap under the cursor, unless it is loaded or cannot be.
func (k *keyboard) take() tea.Cmd {
	list := k.shown()
	if k.failed || k.at < 0 || k.at >= len(list) || list[k.at] == k.keymap && !k.loading {
		return nil
	}
	k.chose = true
	return k.load(list[k.at])
}

func (k *keyboard) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	title := "Which keyboard?"
	if c.low() {
		title += " Now: " + or(k.keymap, "as it is")
	}
	p.head(title, "The passphrase is typed with it, now and at every start. Now: "+or(k.keymap, "the console's own"))
	foot := 3
	if !c.low() {
		foot = 5
	}
	k.viewList(p, p.left()-foot)
	p.gap()
	cursor := k.viewFields(p)
	return p.String(), cursor
}

func (k *keyboard) viewList(p *page, room int) {
	c, list := p.c, k.shown()
	from, to := window(max(k.at, 0), len(list), room)
	for i := from; i < to; i++ {
		mark, style := "  ", c.text
		switch {
		case i == k.at && k.failed && k.chose:
			mark, style = glyphBad+" ", c.warn
		case i == k.at:
			mark, style = glyphCursor+" ", c.selected
		}
		note := ""
		if list[i] == k.host().Keymap {
			note = "  the host's own"
		}
		p.add(style.Render(mark+cut(clean(list[i]), c.w-20)) + c.dim.Render(note))
	}
	switch {
	case !k.listed:
		p.add(c.dim.Render(c.spin() + " looking for keymaps"))
	case len(k.all) == 0:
		p.add(c.dim.Render(cut("no keymaps here; it stays as it is", c.w)))
	case len(list) == 0:
		p.add(c.dim.Render(cut("no keymap of that name", c.w)))
	}
}

// viewFields draws the line that finds, which an error replaces until the
// next key, and the line to try the keys on.
func (k *keyboard) viewFields(p *page) *tea.Cursor {
	c := p.c
	room := min(48, c.w-8)
	field := func(label string, here bool, text string) {
		style, mark := c.dim, "  "
		if here {
			style, mark = c.accent, glyphCursor+" "
		}
		p.add(style.Render(mark+label) + " " + text)
	}
	cursor := tea.NewCursor(7+width(k.filter), p.row())
	if k.err != nil {
		p.add(c.warn.Render(cut("! "+clean(engine.NewError("", k.err).Cause), c.w)))
	} else {
		field("find", !k.trying, k.filter)
	}
	tried := tail(clean(k.tried), room-1)
	if k.trying {
		cursor = tea.NewCursor(7+width(tried), p.row())
	}
	field("try ", k.trying, tried)
	p.add(blanks(7) + c.rule.Render(strings.Repeat(glyphLine, room)))
	return cursor
}
