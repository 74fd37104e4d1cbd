package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

type tester = testing.TB

// TestFrames compares every screen with its golden frames. Run with -update
// after a change, and look at each.
func TestFrames(t *testing.T) {
	sizes := [][2]int{{80, 25}, {80, 24}, {40, 12}, {132, 43}}
	wanted := map[string]bool{}
	check := func(t *testing.T, name, got string) {
		t.Helper()
		file := filepath.Join("testdata", "frames", name+".txt")
		wanted[file] = true
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		} else if got != string(want) {
			t.Errorf("%s is another frame now; look at it, and if it is right, run with -update:\n%s", file, got)
		}
	}
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			for _, size := range sizes {
				p := s.openAt(t, size[0], size[1])
				name := fmt.Sprintf("%s-%dx%d", s.name, size[0], size[1])
				check(t, name, trimmed(ansi.Strip(p.draw(size[0], size[1]))))
				if size == sizes[0] {
					p.styles = newStyles(true)
					check(t, name+"-colour", trimmed(visible(p.draw(size[0], size[1]))))
				}
			}
		})
	}
	t.Run("small", func(t *testing.T) {
		p := scene{}.open(t)
		check(t, "small-39x12", trimmed(p.draw(39, 12)))
		check(t, "small-40x11", trimmed(p.draw(40, 11)))
	})
	if !*update && !t.Failed() {
		files, _ := filepath.Glob("testdata/frames/*.txt")
		for _, f := range files {
			if !wanted[f] {
				t.Errorf("%s is of no scene", f)
			}
		}
	}
}

// draw is the picture at a size; every line of it must be exactly as wide.
func (p *pilot) draw(w, h int) string {
	p.t.Helper()
	p.send(tea.WindowSizeMsg{Width: w, Height: h})
	v := p.View()
	p.exact(v, w, h)
	return v.Content
}

func (p *pilot) exact(v tea.View, w, h int) {
	p.t.Helper()
	lines := strings.Split(v.Content, "\n")
	if len(lines) != h {
		p.t.Fatalf("%s: %d lines instead of %d\n%s", p.state, len(lines), h, v.Content)
	}
	for i, l := range lines {
		if got := ansi.StringWidth(l); got != w {
			p.t.Fatalf("%s at %dx%d: line %d has %d columns\n%s", p.state, w, h, i, got, v.Content)
		}
	}
	if c := v.Cursor; c != nil && (c.X < 0 || c.X >= w || c.Y < 1 || c.Y >= h-1) {
		p.t.Fatalf("%s at %dx%d: the cursor is at %d, %d", p.state, w, h, c.X, c.Y)
	}
}

// trimmed is a frame without the blanks at the ends of its lines.
func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// openAt plays a scene on a screen of a size: a page of the log is as long as
// the screen is high.
func (s scene) openAt(t tester, w, h int) *pilot {
	play := s.play
	s.play = func(p *pilot) {
		p.send(tea.WindowSizeMsg{Width: w, Height: h})
		if play != nil {
			play(p)
		}
	}
	return s.open(t)
}
