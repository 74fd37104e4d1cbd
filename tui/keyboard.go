package tui

import (
	"context"
	"slices"
	"strings"

	"auto-installer/internal/sys"
)

// keyboard chooses the console's keymap. The screen loads a keymap at once, so
// that the try line, and later the passphrase, get what the keys say.
type keyboard struct {
	*session
	all     []string
	listed  bool
	filter  field
	at      int  // the keymap that Enter takes; -1: keep the loaded one
	trying  bool // the try line has the keys
	chose   bool // the operator chose; else the host's own is loaded
	wanted  string
	loading bool
	going   bool // to the next screen, once the keymap is loaded
	failed  bool // the one under the cursor cannot be loaded: Enter goes on without it
	tried   field
	err     error
}

func (k *keyboard) input() *field {
	if k.trying {
		return &k.tried
	}
	return &k.filter
}

func (k *keyboard) enter() {
	k.trying, k.going, k.failed = false, false, false
	k.tried.wipe()
	ask(k, k.backend.Keymaps, func(all []string) {
		k.all, k.listed = all, true
		k.place()
	})
	if own := k.host().Keymap; own != "" && own != k.keymap && !k.chose {
		k.load(own)
	}
}

// load loads a keymap. Only one loads at a time; the last wanted one stays.
func (k *keyboard) load(name string) {
	k.wanted = name
	if k.loading {
		return
	}
	k.loading = true
	ask(k, func() error { return k.backend.SetKeymap(context.Background(), name) }, func(err error) { k.loaded(name, err) })
}

func (k *keyboard) loaded(name string, err error) {
	k.loading = false
	if k.err = err; err == nil {
		k.keymap = name
	}
	switch {
	case k.wanted != name:
		k.load(k.wanted)
		return
	case k.going && err == nil:
		k.goTo(next)
		return
	}
	k.going, k.failed = false, err != nil
	if !k.chose {
		k.place()
	}
}

// matches are the keymaps whose names contain the filter.
func (k *keyboard) matches() []string {
	part := strings.ToLower(k.filter.text())
	return slices.DeleteFunc(slices.Clone(k.all), func(name string) bool { return !strings.Contains(name, part) })
}

// place puts the cursor on the keymap that is loaded or being loaded, else on
// the host's own. If the list does not have it, the cursor is on none.
func (k *keyboard) place() {
	name := or(k.keymap, k.host().Keymap)
	if k.loading {
		name = k.wanted
	}
	k.at = slices.Index(k.matches(), name)
}

func (k *keyboard) keys() []binding {
	on := keyNext.explained("go on with this keymap")
	try := bind("Tab", "try it", "tab", "shift+tab").explained("go to the line for trying the keys, and back to the list")
	if k.trying {
		list := bind("Tab", "list", try.Keys()...).explained("go back to the list").does(func() { k.trying = false })
		return []binding{on, list, keyErase, keyBack}
	}
	list := k.matches()
	choose := bind("↑↓", "choose", "up", "down", "home", "end").explained("load the keymap at once; also Home, End")
	choose.do = moving(&k.at, len(list), func() {
		k.chose, k.failed = true, false
		k.load(list[k.at])
	})
	return []binding{
		on.does(func() {
			k.take()
			if k.going = k.loading; !k.going {
				k.goTo(next)
			}
		}),
		try.does(func() {
			k.trying = true
			k.take()
		}),
		choose, bind("letters", "find").explained("type a part of a keymap's name"), keyErase, keyBack,
	}
}

// edited puts the cursor on the match that is meant: the one of that name, else
// the first that begins so, else the first. A single match is loaded.
func (k *keyboard) edited() {
	if k.trying {
		return
	}
	list, name := k.matches(), strings.ToLower(k.filter.text())
	k.failed = false
	if name == "" {
		k.place()
		return
	}
	if k.at = slices.Index(list, name); k.at < 0 {
		k.at = max(0, slices.IndexFunc(list, func(s string) bool { return strings.HasPrefix(s, name) }))
	}
	if len(list) == 1 {
		k.take()
	}
}

// take loads the keymap under the cursor, unless it is loaded or cannot be.
func (k *keyboard) take() {
	list := k.matches()
	if k.failed || k.at < 0 || k.at >= len(list) || list[k.at] == k.keymap && !k.loading {
		return
	}
	k.chose = true
	k.load(list[k.at])
}

func (k *keyboard) view(p *page) {
	title, now := "Which keyboard?", " Now: "+or(k.keymap, "the console's own")
	if p.low() {
		title += now
	}
	p.head(title, "You type the passphrase with it, now and at every start."+now)
	foot := 4
	if !p.low() {
		foot = 6
	}
	k.viewList(p, max(1, p.left()-foot))
	p.gap()
	p.field("find", &k.filter, true, !k.trying)
	if k.err != nil && !k.trying { // in place of the rule, which the lowest screens have no room for
		p.lines[len(p.lines)-1] = p.warn(cut("! "+clean(sys.AsFault(k.err).Cause), p.w))
	}
	p.field("try", &k.tried, true, k.trying)
}

func (k *keyboard) viewList(p *page, room int) {
	list := k.matches()
	from, to := window(max(k.at, 0), len(list), room)
	for i := from; i < to; i++ {
		mark, style := p.mark(i == k.at)
		if i == k.at && k.failed && k.chose {
			mark, style = glyphBad+" ", p.warn
		}
		note := ""
		if list[i] == k.host().Keymap {
			note = "  the host's own"
		}
		p.add(style(mark+cut(clean(list[i]), p.w-20)) + p.dim(note))
	}
	switch {
	case !k.listed:
		p.wait("looking for keymaps")
	case len(k.all) == 0:
		p.add(p.dim(cut("this system has no keymaps; the loaded one stays", p.w)))
	case len(list) == 0:
		p.add(p.dim(cut("no keymap has that in its name", p.w)))
	}
}
