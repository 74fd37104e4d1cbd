package tui

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// logPane shows the newest lines of the log, and scrolls back over at least the
// last maxLines; the whole log is in its file. bubbles' viewport would copy and measure
// all lines for each batch; the pane adds one at a time, and measures what it shows.
type logPane struct {
	lines  []string
	total  int // lines ever added
	follow bool
	top    int // first shown line, counted from the oldest kept
	wrap   bool
	rows   int // of the last view
	cols   int
}

// maxLines is how many lines the pane keeps, and maxLine how many bytes of a line:
// no screen shows more.
const (
	maxLines = 10_000
	maxLine  = 2 << 10
)

func newLogPane() logPane { return logPane{follow: true} }

// gone is how many older lines were dropped.
func (l *logPane) gone() int { return l.total - len(l.lines) }

// short is the part of a line that is kept; it frees the rest.
func short(line string) string {
	if len(line) <= maxLine {
		return line
	}
	return strings.Clone(strings.ToValidUTF8(line[:maxLine], ""))
}

// add appends a line. A reader who has scrolled back sees the same lines until those
// are dropped.
func (l *logPane) add(line string) {
	l.total++
	l.lines = append(l.lines, short(line))
	if len(l.lines) == maxLines+maxLines/4 { // many at once, because the others move
		l.lines = slices.Delete(l.lines, 0, maxLines/4)
		l.top = max(0, l.top-maxLines/4)
	}
}

func (l *logPane) keys() []binding {
	lines, ends := keyScroll, keyEnds
	lines.do = func(msg tea.KeyPressMsg) {
		by := 1
		if keyUp.is(msg) {
			by = -1
		}
		l.scroll(by)
	}
	follow := func() { l.follow = true }
	ends.do = func(msg tea.KeyPressMsg) {
		if keyFirst.is(msg) {
			l.scroll(-len(l.lines))
		} else {
			follow()
		}
	}
	page := max(1, l.rows-1)
	return []binding{
		lines,
		bind("PgUp", "page", "pgup", "b", "ctrl+b").explained("go a page up; also b").does(func() { l.scroll(-page) }),
		bind("f", "follow", "f").explained("follow the newest line").does(follow),
		bind("w", "wrap", "w").explained("wrap long lines, and show store paths whole").does(func() { l.wrap = !l.wrap }),
		bind("PgDn", "page down", "pgdown", "space", "ctrl+f").explained("go a page down; also Space").hidden().
			does(func() { l.scroll(page) }),
		ends,
	}
}

// bottom is the first line shown when following. Only wrapped lines have several rows.
func (l *logPane) bottom() int {
	if !l.wrap {
		return max(0, len(l.lines)-max(1, l.rows))
	}
	top := len(l.lines)
	for rows := l.rows; top > 0; top-- {
		rows -= len(l.rowsOf(top-1, l.cols))
		if rows < 0 && top < len(l.lines) {
			break
		}
	}
	return top
}

func (l *logPane) scroll(by int) {
	if l.follow {
		l.top = l.bottom()
	}
	l.top = max(0, min(l.top+by, l.bottom()))
	l.follow = l.top >= l.bottom() && by > 0
}

// view draws the pane into w columns and h rows.
func (l *logPane) view(w, h int) []string {
	l.rows, l.cols = h, w
	out := make([]string, 0, h)
	if l.follow {
		l.top = l.bottom()
	}
	for i := l.top; i < len(l.lines) && len(out) < h; i++ {
		out = append(out, l.rowsOf(i, w)...)
	}
	out = out[:min(len(out), max(0, h))]
	for len(out) < h {
		out = append(out, "")
	}
	return out
}

// log fills the rest of the page with the log.
func (p *page) log(l *logPane) {
	p.add(l.title(p.canvas, p.w))
	p.add(l.view(p.w, p.left())...)
}

// title is the line above the pane: which part of the log it shows.
func (l *logPane) title(c canvas, w int) string {
	how := "following"
	if !l.follow {
		how = fmt.Sprintf("line %d of %d, f follows", l.gone()+l.top+1, l.total)
	}
	text := cut(" log "+glyphSmall+" "+how+" ", w-2)
	return c.rule(glyphLine) + c.dim(text) + c.rule(strings.Repeat(glyphLine, max(0, w-1-width(text))))
}

// storeHash is the part of a store path that the screens leave out: the operator
// reads the name behind it.
var storeHash = regexp.MustCompile(`/nix/store/[0-9a-z]{32}-`)

// rowsOf is line i as it is drawn, in one row or more.
func (l *logPane) rowsOf(i, w int) []string {
	line := clean(l.lines[i])
	if l.wrap {
		return strings.Split(ansi.Hardwrap(line, w, true), "\n")
	}
	if strings.Contains(line, "/nix/store/") {
		line = storeHash.ReplaceAllString(line, "")
	}
	return []string{cut(line, w)}
}
