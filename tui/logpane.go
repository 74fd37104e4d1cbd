package tui

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// logPane shows the newest lines of the log, and lets one look back. All of
// the log is in its file; the pane keeps the last maxLines.
type logPane struct {
	lines  []string // ring
	start  int      // index of the oldest in lines
	total  int      // lines ever added
	follow bool
	top    int // first shown line, counted from the oldest kept
	wrap   bool
	rows   int // of the last view
	cols   int

	searching bool
	query     string
	found     bool
	hit       int // the line found last, counted from the first ever added
}

// maxLines is how far back the pane reaches, and maxLine how much of a line it
// keeps, in bytes: no screen shows more.
const (
	maxLines = 10_000
	maxLine  = 2 << 10
)

func newLogPane() logPane { return logPane{follow: true, hit: -1} }

func (l *logPane) len() int { return len(l.lines) }

// gone is how many lines are older than those that are kept.
func (l *logPane) gone() int { return l.total - len(l.lines) }

// at is line i, counted from the oldest kept.
func (l *logPane) at(i int) string {
	if i += l.start; i >= len(l.lines) {
		i -= len(l.lines)
	}
	return l.lines[i]
}

// short is a line as far as it is kept, without holding on to the rest.
func short(line string) string {
	if len(line) <= maxLine {
		return line
	}
	n := maxLine
	for n > maxLine-utf8.UTFMax && !utf8.RuneStart(line[n]) {
		n--
	}
	return strings.Clone(line[:n])
}

// add appends a line; the oldest goes if there are too many. A reader who has
// scrolled back keeps seeing the same lines, until they are gone.
func (l *logPane) add(line string) {
	l.total++
	line = short(line)
	if len(l.lines) < maxLines {
		l.lines = append(l.lines, line)
		return
	}
	l.lines[l.start] = line
	if l.start++; l.start == maxLines {
		l.start = 0
	}
	if !l.follow && l.top > 0 {
		l.top--
	}
}

// skip counts lines that came too fast for the pane: those before them are
// too old to be shown beside those that follow.
func (l *logPane) skip(n int) {
	if n > 0 {
		l.total += n
		l.top = max(0, l.top-n)
	}
}

var (
	keyFollow = bind("f", "follow", "f").explained("follow the newest line")
	keyWrap   = bind("w", "wrap", "w").explained("wrap long lines, and show store paths whole")
	keySearch = bind("/", "search", "/").explained("search from here upwards")
	keyPageUp = bind("PgUp", "page", "pgup", "b", "ctrl+b").explained("a page up; also b")
	keyPageDn = bind("PgDn", "page down", "pgdown", "space", "ctrl+f").explained("a page down; also Space").hidden()
	keyOlder  = bind("n", "older match", "n").explained("to the next match, further up").hidden()
	keyNewer  = bind("N", "newer match", "N", "shift+n").explained("to the match before, further down").hidden()
	keyFind   = bind("Enter", "search", "enter")
	keyLeaveS = bind("Esc", "leave", "esc").explained("leave the search")
)

func (l *logPane) keys() []binding {
	if l.searching {
		return []binding{keyFind, keyErase, keyLeaveS}
	}
	return []binding{keyScroll, keyPageUp, keyFollow, keySearch, keyWrap, keyPageDn, moves[1], keyOlder, keyNewer}
}

// key handles a key.
func (l *logPane) key(msg tea.KeyPressMsg) {
	if l.searching {
		l.searchKey(msg)
		return
	}
	switch {
	case keyUp.is(msg):
		l.scroll(-1)
	case keyDown.is(msg):
		l.scroll(1)
	case keyPageUp.is(msg):
		l.scroll(-max(1, l.rows-1))
	case keyPageDn.is(msg):
		l.scroll(max(1, l.rows-1))
	case keyFirst.is(msg):
		l.scroll(-maxLines)
	case keyLast.is(msg), keyFollow.is(msg):
		l.follow, l.hit = true, -1
	case keyWrap.is(msg):
		l.wrap = !l.wrap
	case keySearch.is(msg):
		l.searching, l.query = true, ""
	case keyOlder.is(msg) && l.query != "":
		l.find(-1)
	case keyNewer.is(msg) && l.query != "":
		l.find(1)
	}
}

// bottom is the first line shown when following.
func (l *logPane) bottom() int { return l.above(len(l.lines)-1, l.rows) }

// above is the first line of those that end with line i and fill that many rows.
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

// height is how many rows line i takes.
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
	switch {
	case len(l.lines) == 0 || h < 1:
	case l.follow:
		for i := len(l.lines) - 1; i >= 0 && len(out) < h; i-- {
			rows := l.rowsOf(i, w)
			slices.Reverse(rows)
			out = append(out, rows...)
		}
		out = out[:min(len(out), h)]
		slices.Reverse(out)
	default:
		l.top = min(l.top, len(l.lines)-1)
		for i := l.top; i < len(l.lines) && len(out) < h; i++ {
			out = append(out, l.rowsOf(i, w)...)
		}
		out = out[:min(len(out), h)]
	}
	for i, line := range out {
		out[i] = l.mark(c, line)
	}
	for len(out) < h {
		out = append(out, "")
	}
	if l.searching {
		out = append(out, c.accent.Render("/")+tail(l.query, w-2)+c.accent.Render("_"))
	}
	return out
}

// title is the line above the pane: where in the log one is.
func (l *logPane) title(c canvas, w int) string {
	how := "following"
	if !l.follow {
		how = fmt.Sprintf("line %d of %d, f follows", l.gone()+l.top+1, l.total)
	}
	if l.query != "" && !l.searching && !l.found {
		how = "not found: " + l.query
	}
	if l.query != "" && l.found && l.hit >= 0 {
		how = fmt.Sprintf("line %d of %d has it, n goes on", l.hit+1, l.total)
	}
	text := cut(" log "+glyphSmall+" "+how+" ", w-2)
	return c.rule.Render(glyphLine) + c.dim.Render(text) + c.rule.Render(strings.Repeat(glyphLine, max(0, w-1-width(text))))
}

// storeHash is what makes store paths long; people read the name behind it.
var storeHash = regexp.MustCompile(`/nix/store/[0-9a-z]{32}-`)

// rowsOf is line i as it is drawn, in one row or more.
func (l *logPane) rowsOf(i, w int) []string {
	line := clean(l.at(i))
	if l.wrap {
		return strings.Split(ansi.Hardwrap(line, w, true), "\n")
	}
	if strings.Contains(line, "/nix/store/") {
		line = storeHash.ReplaceAllString(line, "")
	}
	return []string{cut(line, w)}
}

// mark shows where the query is.
func (l *logPane) mark(c canvas, line string) string {
	if l.query == "" {
		return line
	}
	at := indexFold(line, l.query)
	if at < 0 {
		return line
	}
	end := at + len(l.query)
	return line[:at] + c.selected.Render(line[at:end]) + line[end:]
}
