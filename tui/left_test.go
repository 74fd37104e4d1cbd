package tui

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// What is left on the disk goes by the exit code, whatever the step is called.
func TestLeftOnDisk(t *testing.T) {
	for _, c := range []struct {
		step, fails string
		code        sys.Code
		says        string
	}{
		{"contract", "contract", 7, "Nothing was written to any disk."},
		{"gate", "gate", 9, "Nothing was written to any disk."},
		{"contract", "contract", 130, "Nothing was written to any disk."},
		{"closure", "closure", 10, "The disk is incomplete and will not start."},
		{"closure", "closure", 9, "The disk is incomplete and will not start."},
		{"bootproof", "bootproof", 10, "The disk is incomplete and will not start."}, // it was not written out
		{"bootproof", "bootproof", 11, "Everything is written, but not proven to work."},
		{"bootproof", "secretsproof", 11, "Everything is written, but not proven to work."},
		{"finish", "a step of tomorrow", 11, "Everything is written, but not proven to work."},
		{"closure", "closure", 130, "The install was stopped: the disk may be incomplete and not start."},
		{"closure", "closure", 143, "The install was stopped: the disk may be incomplete and not start."},
		{"bootproof", "bootproof", 130, "Everything is written, but not proven to work."},
	} {
		p := scene{}.open(t)
		p.install(started(c.step))
		p.events(eventsMsg{done: true, events: []engine.Event{{Kind: engine.KindFailed, Step: engine.Name(c.fails), Time: epoch, Error: &sys.Fault{Step: c.fails, Code: c.code, Cause: "x"}}}})
		p.at(stateFailure)
		p.press("ctrl+c")
		leaving := p.frame()
		p.press("esc")
		failed := strings.Join(strings.Fields(p.frame()), " ")
		if p.left() != c.says || !strings.Contains(failed, c.says) {
			t.Errorf("%s, %d: %s\n%s", c.fails, c.code, p.left(), failed)
		}
		if c.step != "contract" && c.step != "gate" && !strings.Contains(strings.Join(strings.Fields(leaving), " "), c.says) {
			t.Errorf("%s, %d: leaving says\n%s", c.fails, c.code, leaving)
		}
	}
}

// An engine that was killed while it proved has written all.
func TestLeftOnDiskByAKilledEngine(t *testing.T) {
	for step, says := range map[string]string{
		"closure": "The disk is incomplete and will not start. Starting over unmounts it.", "bootproof": "Everything is written, but not proven to work. Starting over unmounts it.",
	} {
		p := scene{}.open(t)
		p.install(started(step))
		p.events(eventsMsg{done: true, err: &sys.Fault{Code: 10, Cause: "the install was killed from outside"}})
		if !strings.Contains(p.frame(), says) {
			t.Errorf("%s\n%s", step, p.frame())
		}
	}
}

// The bar goes by work: it is whole only at the end, and never goes back.
func TestBarWeighsWork(t *testing.T) {
	p := scene{}.open(t)
	p.install(started("closure"))
	if got := p.model.run.overall.Percent(); got > 25 {
		t.Errorf("%d %% before the copy", got)
	}
	bars := func() int { return strings.Count(strings.Split(p.frame(), "\n")[3], glyphFull) }
	last := -1
	p.model.run = run{log: newLogPane()}
	plan, err := preview(p.answers)
	if err != nil {
		t.Fatal(err)
	}
	events := story(plan, nil)
	for i, e := range events {
		p.model.run.apply(e)
		now := bars()
		if now < last || now == 58 && i < len(events)-1 {
			t.Fatalf("%s %s: %d of the bar after %d\n%s", e.Kind, e.Step, now, last, p.frame())
		}
		last = now
	}
	if last != 58 || !strings.Contains(p.frame(), "100 %") {
		t.Errorf("%d at the end\n%s", last, p.frame())
	}
}

// Enter takes the keymap that is highlighted; where none is, it keeps the one
// that is loaded.
func TestHighlightedKeymapIsTaken(t *testing.T) {
	for _, c := range []struct {
		name  string
		fake  func(*fake)
		keys  []string
		lit   string // what is highlighted
		takes string // the keymap after Enter
	}{
		{"the host's own", func(*fake) {}, nil, "us", "us"},
		{"of another host", func(f *fake) { f.keymaps = []string{"cz", "de", "us", "zz"} }, []string{"down"}, "zz", "zz"},
		{"it is not listed", func(f *fake) { f.keymaps = []string{"cz", "de"} }, nil, "", "us"},
		{"none is listed", func(f *fake) { f.keymaps = nil }, nil, "", "us"},
		{"no keymap applies", func(f *fake) { f.keymapErr = errors.New("a keyboard of its own") }, nil, "us", ""},
		{"none applies, and one is chosen", func(f *fake) { f.keymapErr = errors.New("a keyboard of its own") }, []string{"down"}, "", ""},
		{"one that cannot be loaded", func(*fake) {}, []string{"home"}, "", "us"},
		{"and the next", func(*fake) {}, []string{"home", "down"}, "de", "de"},
		{"found", func(*fake) {}, []string{"d", "v"}, "dvorak", "dvorak"},
		{"found and erased", func(*fake) {}, []string{"d", "v", "ctrl+u"}, "dvorak", "dvorak"},
	} {
		p := scene{fake: c.fake, play: walk(stateKeyboard)}.open(t)
		p.press(c.keys...)
		lit := ""
		for line := range strings.Lines(p.frame()) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), glyphCursor+" "); ok && !strings.HasPrefix(rest, "find") {
				lit = strings.Fields(rest)[0]
			}
		}
		p.press("enter")
		if lit != c.lit || p.keymap != c.takes || p.state == stateKeyboard {
			t.Errorf("%s: highlighted %q, took %q, on screen %s; want %q and %q\n%s", c.name, lit, p.keymap, p.state, c.lit, c.takes, p.frame())
		}
	}
}

// A list longer than the screen is scrolled to the host's own keymap.
func TestOwnKeymapIsInSight(t *testing.T) {
	f := newFake(t)
	f.keymaps = nil
	for i := range 300 {
		f.keymaps = append(f.keymaps, "k"+strconv.Itoa(1000+i))
	}
	f.keymaps = append(f.keymaps, "us", "zz")
	f.keymapErr = errors.New("a keyboard of its own")
	p := fly(t, f, "demo")
	walk(stateKeyboard)(p)
	if !strings.Contains(p.frame(), glyphCursor+" us  the host's own") {
		t.Error(p.frame())
	}
}
