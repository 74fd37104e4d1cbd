package tui

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"auto-installer/internal/engine"
	"auto-installer/internal/savelog"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tui/machine"
)

// evil is text that would take over a terminal which it reached raw.
const evil = "\x1b[31mEVIL\x1b[2J\x1b]0;title\x07\x9b2J\u009b31m\r\n\t\x00\x7f\u202e\u200d\xff\xfe caf\u00e9 e\u0301 \u6771\u4eac \U0001f469\u200d\U0001f469\u200d\U0001f467 /nix/store/"

// taint fills all that comes from elsewhere with it, and makes much of it.
func (p *pilot) taint() {
	long := evil + strings.Repeat("M\u6771", 100)
	chosen := p.answers.Disk.Path
	var disks []steps.Verdict
	for i := range 60 {
		v := p.f.disks[i%max(1, len(p.f.disks))]
		path := fmt.Sprintf("/dev/sd%d%s", i, evil)
		if i == 0 {
			path = or(chosen, p.diskAt)
		}
		d := &v.Device
		d.Path, d.Model, d.Serial, d.WWN, d.ByID, d.Transport, d.PTType = path, long, long, long, long, long, long
		d.Partitions = slices.Clone(d.Partitions)
		for j := range d.Partitions {
			d.Partitions[j].Label, d.Partitions[j].Path = long, long
		}
		v.Holds, v.Reasons = []string{long, long}, []string{long}
		if v.Refused != "" {
			v.Refused = long
		}
		disks = append(disks, v)
	}
	p.disks, p.listed, p.notice = disks, true, clean(long)
	for _, name := range checkNames {
		p.screens[stateWelcome].(*welcome).checks[name] = machine.Checked{Saw: long}
	}
	p.opts.Banner = evil + "\n" + evil
	p.keymap = long
	k := p.screens[stateKeyboard].(*keyboard)
	k.all, k.err = append(slices.Clone(k.all), long), errors.New(long)
	k.tried.insert(long[:300])
	n := p.screens[stateNetwork].(*network)
	p.note.text, p.network.Problem = long, long
	for range 30 {
		p.network.Interfaces = append(p.network.Interfaces, machine.InterfaceState{Name: long, About: long})
		n.aps = append(n.aps, machine.AccessPoint{SSID: long, Signal: 300})
	}
	if p.plan != nil {
		for range 100 {
			p.plan.Warnings = append(p.plan.Warnings, long)
		}
		p.plan.Steps[0].Does = long
	}
	if p.interrupted != nil {
		p.interrupted.Host, p.interrupted.Last = long, engine.Name(long)
	}
	r := &p.model.run
	for range 50 {
		r.log.add(long)
		r.proven = append(r.proven, long)
	}
	for range 1000 {
		r.warnings = append(r.warnings, long)
	}
	r.progress = sys.Progress{Done: -5, Total: 3, Unit: evil, Label: long, BytesTotal: 1}
	if p.session.run.failed != nil {
		p.session.run.failed = &sys.Fault{Step: long, Cause: long + "\n" + long, Hint: long}
	}
	f := p.screens[stateFailure].(*failure)
	for range 40 {
		f.places = append(f.places, savelog.Place{Device: long, Label: long, FSType: long, Disk: long, Size: -1})
	}
	if d := p.screens[stateDone].(*done); d.err != nil {
		d.err = errors.New(long)
	}
}

var sequence = regexp.MustCompile("\x1b\\[[0-9;]*m")

// tame fails if anything but text and our own colours is in a frame.
func (p *pilot) tame(s string, console bool) {
	p.t.Helper()
	st := newStyles(true)
	bw := newStyles(false)
	var ours []string
	for _, i := range []ink{
		st.title, st.strong, st.dim, st.rule, st.accent, st.selected, st.good, st.warn, st.bad, st.key, bw.title, bw.selected,
	} {
		on, off, _ := strings.Cut(i("x"), "x")
		ours = append(ours, on, off)
	}
	for _, q := range sequence.FindAllString(s, -1) {
		if !slices.Contains(ours, q) {
			p.t.Fatalf("%q is not a colour of ours\n%q", q, s)
		}
	}
	s = sequence.ReplaceAllString(s, "")
	if !utf8.ValidString(s) {
		p.t.Fatalf("not UTF-8: %q", s)
	}
	for _, r := range s {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || console && !drawable(r)) {
			p.t.Fatalf("%s: %q (%U) is drawn\n%s", p.state, r, r, s)
		}
	}
}

// TestWild draws every screen with extreme content at any size.
func TestWild(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			p := s.open(t)
			if s.name != "disk-none" {
				p.taint()
			}
			for n := range 6 {
				w, h := 40+rnd.IntN(261), 12+rnd.IntN(89)
				if n == 0 {
					w, h = 40+i%8, 12+i%4
				}
				p.opts.Console = n%2 == 0
				p.styles = newStyles(n%3 != 0)
				p.ticks = n
				p.tame(p.draw(w, h), p.opts.Console)
			}
		})
	}
}

// TestGlyphs holds every screen to what the console's font has.
func TestGlyphs(t *testing.T) {
	for _, s := range scenes() {
		p := s.open(t)
		p.opts.Console = true
		for _, size := range [][2]int{{80, 25}, {40, 12}, {132, 43}, {20, 5}} {
			p.send2(size)
			p.tame(p.View().Content, true)
		}
	}
}

// TestEssential: at the smallest size, with extreme content, the question's
// answer is still in sight: the field that is typed into, the chosen row.
func TestEssential(t *testing.T) {
	for _, s := range scenes() {
		p := s.open(t)
		if s.name == "disk-none" || s.name == "disk-error" {
			continue
		}
		p.taint()
		frame := ansi.Strip(p.draw(40, 12))
		field := p.typing() && !p.quit.open && !p.help.open && p.state < stateInstall
		list := p.state == stateDisk || p.state == stateFailure && !p.screens[stateFailure].(*failure).log || s.name == "network-wifi" ||
			s.name == "welcome-several"
		switch {
		case p.quit.open || p.help.open:
		case field && p.View().Cursor == nil:
			t.Errorf("%s: the field is out of sight\n%s", s.name, frame)
		case list && !strings.Contains(frame, glyphCursor):
			t.Errorf("%s: the chosen row is out of sight\n%s", s.name, frame)
		case p.state == stateDone && d(p).err == nil && !d(p).held && !strings.Contains(frame, "power off in"):
			t.Errorf("%s: the countdown is out of sight\n%s", s.name, frame)
		}
	}
}

func d(p *pilot) *done { return p.screens[stateDone].(*done) }

func (p *pilot) send2(size [2]int) { p.w, p.h = size[0], size[1] }

// TestSmall draws at sizes below the smallest.
func TestSmall(t *testing.T) {
	p := scene{}.open(t)
	for w := 1; w < 60; w++ {
		for h := 1; h < 20; h++ {
			p.draw(w, h)
		}
	}
	// A serial line has no size.
	p.send(tea.WindowSizeMsg{})
	p.exact(p.View(), 80, 24)
}

func TestShown(t *testing.T) {
	for _, tt := range []struct{ in, console, terminal string }{
		{"plain", "plain", "plain"},
		{"\x1b[1mbold\x1b[m", "\x1b[1mbold\x1b[m", "\x1b[1mbold\x1b[m"},
		{"caf\u00e9", "caf?", "caf\u00e9"},
		{"\u6771\u4eac", "????", "\u6771\u4eac"},
		{"e\u0301", "e", "e\u0301"},
		{"a\x1b[2Jb", "ab", "ab"},
		{"a\x1b]0;t\x07b", "ab", "ab"},
		{"a\x1b", "a", "a"},
		{"\xff\xfe", "??", "??"},
		{"a\u009bb\u202ec\x00d", "abcd", "abcd"},
		{"\u2588\u2591 \u221a", "\u2588\u2591 \u221a", "\u2588\u2591 \u221a"},
	} {
		if got := shown(tt.in, true); got != tt.console {
			t.Errorf("console: %q is %q, want %q", tt.in, got, tt.console)
		}
		if got := shown(tt.in, false); got != tt.terminal {
			t.Errorf("terminal: %q is %q, want %q", tt.in, got, tt.terminal)
		}
	}
}
