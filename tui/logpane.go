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

	searching bool
	query     field
	found     bool
	hit       int // the newest match, counted from the first line ever added
}

// maxLines is how many lines the pane keeps, and maxLine how many bytes of a line:
// no screen shows more.
const (
	maxLines = 10_000
	maxLine  = 2 << 10
)

func newLogPane() logPane { return logPane{follow: true, hit: -1} }

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

func (l *logPane) input() *field {
	if l.searching {
		return &l.query
	}
	return nil
}

func (l *logPane) keys() []binding {
	if l.searching {
		return []binding{
			bind("Enter", "search", "enter").does(func() {
				l.searching = false
				l.find(-1)
			}), keyErase,
			bind("Esc", "leave", "esc").explained("leave the search").does(func() { l.search(false) }),
		}
	}
	lines, ends := keyScroll, keyEnds
	lines.do = func(msg tea.KeyPressMsg) {
		by := 1
		if keyUp.is(msg) {
			by = -1
		}
		l.scroll(by)
	}
	follow := func() { l.follow, l.hit = true, -1 }
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
		bind("/", "search", "/").explained("search upwards from here").
			does(func() { l.search(true) }),
		bind("w", "wrap", "w").explained("wrap long lines, and show store paths whole").does(func() { l.wrap = !l.wrap }),
		bind("PgDn", "page down", "pgdown", "space", "ctrl+f").explained("go a page down; also Space").hidden().
			does(func() { l.scroll(page) }),
		ends,
		bind("n", "older match", "n").explained("go to the next match, further up").hidden().
			does(func() { l.find(-1) }),
		bind("N", "newer match", "N", "shift+n").explained("go to the previous match, further down").hidden().
			does(func() { l.find(1) }),
	}
}

// bottom is the first line shown when following.
func (l *logPane) bottom() int { return l.above(len(l.lines)-1, l.rows) }

// above is the first of the lines that fill that many rows and end with line i.
func (l *logPane) above(i, rows int) int {
	if !l.wrap {
		return max(0, i-max(1, rows)+1)
	}
	i = max(0, i)
	for rows -= l.height(i); i > 0; i-- {
		if rows -= l.height(i - 1); rows < 0 {
			break
		}
	}
	return i
}

func (l *logPane) height(i int) int {
	if i >= len(l.lines) {
		return 0
	}
	return len(l.rowsOf(i, l.cols))
}

func (l *logPane) scroll(by int) {
	if l.follow {
		l.top = l.bottom()
	}
	l.top = max(0, min(l.top+by, l.bottom()))
	l.follow = l.top >= l.bottom() && by > 0
	l.hit = -1
}

// view draws the pane into w columns and h rows.
func (l *logPane) view(c canvas, w, h int) []string {
	if l.searching {
		h--
	}
	l.rows, l.cols = h, w
	out := make([]string, 0, h+1)
	if l.follow {
		l.top = l.bottom()
	}
	for i := l.top; i < len(l.lines) && len(out) < h; i++ {
		out = append(out, l.rowsOf(i, w)...)
	}
	out = out[:min(len(out), max(0, h))]
	if match := l.pattern(); match != nil {
		for i, line := range out {
			out[i] = match.ReplaceAllStringFunc(line, func(s string) string { return c.selected(s) })
		}
	}
	for len(out) < h {
		out = append(out, "")
	}
	if l.searching {
		out = append(out, c.accent("/")+tail(clean(l.query.text()), w-2)+c.accent("_"))
	}
	return out
}

// log fills the rest of the page with the log.
func (p *page) log(l *logPane) {
	p.add(l.title(p.canvas, p.w))
	p.add(l.view(p.canvas, p.w, p.left())...)
}

// title is the line above the pane: which part of the log it shows.
func (l *logPane) title(c canvas, w int) string {
	how := "following"
	switch {
	case l.found && l.hit >= 0:
		how = fmt.Sprintf("found in line %d of %d, n goes to the next", l.hit+1, l.total)
	case !l.query.empty() && !l.searching && !l.found:
		how = "not found: " + l.query.text()
	case !l.follow:
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

// search begins or leaves a search.
func (l *logPane) search(yes bool) {
	l.searching, l.found = yes, false
	l.query.wipe()
}

// pattern finds the query, whatever its case; nil without one.
func (l *logPane) pattern() *regexp.Regexp {
	if l.query.empty() {
		return nil
	}
	return regexp.MustCompile("(?i)" + regexp.QuoteMeta(l.query.text()))
}

// find goes to the next line with the query, upwards or downwards.
func (l *logPane) find(dir int) {
	match := l.pattern()
	if match == nil {
		return
	}
	from := l.top
	switch {
	case l.hit >= l.gone():
		from = l.hit - l.gone()
	case l.follow:
		from = len(l.lines)
	case dir < 0:
		from = min(len(l.lines), l.top+l.rows) // begin with what the screen shows
	}
	for i := from + dir; i >= 0 && i < len(l.lines); i += dir {
		if match.MatchString(l.lines[i]) {
			l.top, l.follow, l.found, l.hit = min(l.above(i, l.rows/2+1), l.bottom()), false, true, l.gone()+i
			return
		}
	}
	l.found = false
}
