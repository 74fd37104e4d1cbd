package tui

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// flood is log line i of a storm, as a compiler would write it.
func flood(i int) engine.Event {
	return engine.Event{
		Kind: engine.KindLog, Step: "closure", Time: epoch,
		Line: fmt.Sprintf("%08d CC /nix/store/0123456789abcdfghijklmnpqrsvwxyz-linux-6.18.12/drivers/net/ethernet/intel/e1000e.o", i),
	}
}

// flooding is a machine whose engine writes lines.
type flooding struct {
	Backend
	lines, every int // a warning after so many lines
}

func (f flooding) Follow(_ context.Context, each func(engine.Event)) (sys.Code, error) {
	for i := range f.lines {
		each(flood(i))
		if i%f.every == 0 {
			each(engine.Event{Kind: engine.KindWarning, Line: fmt.Sprintf("%08d", i)})
		}
	}
	each(engine.Event{Kind: engine.KindLog, Line: strings.Repeat("x", 1<<20)})
	return 0, nil
}

// TestFlood: when lines come faster than the screens read, every event arrives, in
// order, and memory holds no more than the pane keeps and a batch. If each line
// left as much as 22 bytes, the heap would be too large. Run it with go test -race
// too.
func TestFlood(t *testing.T) {
	const lines, every, limit = 600_000, 1000, 13 << 20
	p := scene{play: func(p *pilot) { p.install(copying) }}.open(t)
	before := p.run2().log.total
	p.backend = flooding{lines: lines, every: every}
	p.follow()
	last, most, batches := -1, uint64(0), 0
	for done := false; !done; batches++ {
		msg := p.settle()().(eventsMsg)
		for _, e := range msg.events {
			var i int
			if _, err := fmt.Sscanf(e.Line, "%d", &i); err == nil && e.Kind == engine.KindLog {
				if i != last+1 {
					t.Fatalf("line %d comes after %d", i, last)
				}
				last = i
			}
		}
		if batches%20 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		done, msg.done = msg.done, false
		p.model.events(msg)
		p.View()
	}
	r := p.run2()
	if len(r.warnings) != lines/every {
		t.Errorf("%d warnings of %d", len(r.warnings), lines/every)
	}
	for i, w := range r.warnings {
		if w != fmt.Sprintf("%08d", i*every) {
			t.Fatalf("warning %d is %s", i, w)
		}
	}
	if last != lines-1 {
		t.Errorf("the last line is %d", last)
	}
	if got, want := r.log.total-before, lines+lines/every+1; got != want {
		t.Errorf("%d lines are counted, not %d", got, want)
	}
	if len(r.log.lines) > maxLines*5/4 || len(r.log.lines[len(r.log.lines)-1]) != maxLine {
		t.Errorf("%d lines are kept, and %d bytes of a long one", len(r.log.lines), len(r.log.lines[len(r.log.lines)-1]))
	}
	t.Logf("%d batches, at most %d MiB of heap", batches, most>>20)
	if most > limit {
		t.Errorf("%d MiB of heap", most>>20)
	}
}

func (p *pilot) run2() *run { return &p.session.run }

func (l *logPane) press(key string) {
	for _, b := range l.keys() {
		if b.is(keyMsg(key)) {
			b.do(keyMsg(key))
		}
	}
}

// TestLogPane: a reader who has scrolled back sees the same lines while others
// come, until the pane drops them.
func TestLogPane(t *testing.T) {
	l := newLogPane()
	line := func(i int) string { return fmt.Sprintf("line %d", i) }
	for i := range 100 {
		l.add(line(i))
	}
	top := func() string { return l.view(40, 10)[0] }
	if got := top(); got != line(90) {
		t.Fatalf("following: %q", got)
	}
	l.press("pgup")
	if got := top(); got != line(81) || l.follow {
		t.Fatalf("a page up: %q", got)
	}
	for i := 100; i < maxLines*5/4-1; i++ {
		l.add(line(i))
		if i%997 == 0 && top() != line(81) {
			t.Fatalf("at line %d the reader sees %q", i, top())
		}
	}
	if got := top(); got != line(81) {
		t.Fatalf("the reader sees %q", got)
	}
	l.add(line(maxLines*5/4 - 1))
	if got := top(); got != line(maxLines/4) {
		t.Fatalf("the oldest line is %q", got)
	}
	l.press("f")
	if got := top(); got != line(maxLines*5/4-10) || !l.follow {
		t.Fatalf("following again: %q", got)
	}
	l.press("w")
	l.press("f")
	l.add(strings.Repeat("0123456789", 10))
	if got := l.view(40, 10)[7:]; len(got[0]) != 40 || len(got[2]) != 20 {
		t.Errorf("wrapped: %q", got)
	}
}

// BenchmarkFlood is Update and View of a batch of a flood of 100,000 lines a
// second: what happens ten times a second.
func BenchmarkFlood(b *testing.B) {
	for _, size := range [][2]int{{80, 25}, {200, 60}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			p := scene{play: func(p *pilot) { p.install(copying) }}.open(b)
			p.styles = newStyles(true)
			p.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			batch := make([]engine.Event, 10_000)
			for i := range batch {
				batch[i] = flood(i)
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = p.Update(eventsMsg{feed: &feed{}, events: batch})
				_ = p.View()
			}
		})
	}
}

// BenchmarkFrame is View alone, as a key or a tick draws it.
func BenchmarkFrame(b *testing.B) {
	for _, size := range [][2]int{{80, 25}, {200, 60}, {300, 100}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			p := scene{play: func(p *pilot) { p.install(copying) }}.open(b)
			p.styles = newStyles(true)
			p.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			for i := range maxLines {
				p.run2().log.add(flood(i).Line)
			}
			b.ReportAllocs()
			for b.Loop() {
				_ = p.View()
			}
		})
	}
}

// TestLogPaneWrapped: lines of several rows are found where they can be seen, and
// every one can be scrolled to.
func TestLogPaneWrapped(t *testing.T) {
	l := newLogPane()
	for i := range 40 {
		l.add(fmt.Sprintf("%s word%d", strings.Repeat("x", 100), i))
	}
	shown := func() string { return strings.Join(l.view(40, 10), "\n") }
	shown()
	l.press("w")
	if got := shown(); !strings.Contains(got, "word39") {
		t.Errorf("following:\n%s", got)
	}
	l.press("home")
	for n := 0; n < 40; n++ {
		if got := shown(); n > 0 && !strings.Contains(got, fmt.Sprintf("word%d", n)) {
			t.Errorf("word%d is not seen:\n%s", n, got)
		}
		l.press("down")
	}
}
