package tui

import (
	"regexp"
	"strings"

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
	rows   int // rows of the last view

	searching bool
	query     string
	found     bool
}

// maxLines is how far back the pane reaches.
const maxLines = 10_000

func newLogPane() logPane { return logPane{follow: true} }

func (l *logPane) len() int { return len(l.lines) }

// at is line i, counted from the oldest kept.
func (l *logPane) at(i int) string { return l.lines[(l.start+i)%len(l.lines)] }

// add appends a line; the oldest goes if there are too many. A reader who has
// scrolled back keeps seeing the same lines.
func (l *logPane) add(line string) {
	l.total++
	if len(l.lines) < maxLines {
		l.lines = append(l.lines, line)
		return
	}
	l.lines[l.start] = line
	l.start = (l.start + 1) % maxLines
	if !l.follow && l.top > 0 {
		l.top--
	}
}

var (
	keyFollow = bind("f", "follow", "f").explained("follow the newest line")
	keyWrap   = bind("w", "wrap", "w").explained("wrap long lines, and show store paths whole")
	keySearch = bind("/", "search", "/").explained("search; n and N go to the next and the one before")
	keyPageUp = bind("PgUp", "page", "pgup", "b", "ctrl+b")
	keyPageDn = bind("PgDn", "page down", "pgdown", "ctrl+f").hidden()
	keyNextIt = bind("n", "next match", "n").hidden()
	keyPrevIt = bind("N", "match before", "N", "shift+n").hidden()
)

func (l *logPane) keys() []binding {
	if l.searching {
		return []binding{bind("Enter", "search", "enter"), bind("Esc", "leave", "esc")}
	}
	return []binding{
		bind("↑↓", "scroll", "up", "k", "down", "j", "shift+tab", "tab"), keyPageUp, keyFollow, keySearch, keyWrap,
		keyPageDn, keyFirst, keyLast, keyNextIt, keyPrevIt,
	}
}

// key handles a key; it tells whether it was one for the pane.
func (l *logPane) key(msg tea.KeyPressMsg) bool {
	if l.searching {
		l.searchKey(msg)
		return true
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
		l.follow = true
	case keyWrap.is(msg):
		l.wrap = !l.wrap
	case keySearch.is(msg):
		l.searching, l.query = true, ""
	case keyNextIt.is(msg) && l.query != "":
		l.find(1)
	case keyPrevIt.is(msg) && l.query != "":
		l.find(-1)
	default:
		return false
	}
	return true
}

// bottom is the first line shown when following.
func (l *logPane) bottom() int { return max(0, len(l.lines)-max(1, l.rows)) }

func (l *logPane) scroll(by int) {
	if l.follow {
		l.top = l.bottom()
	}
	l.top = max(0, min(l.top+by, l.bottom()))
	l.follow = l.top >= l.bottom() && by > 0
}

func (l *logPane) searchKey(msg tea.KeyPressMsg) {
	switch msg.String() {
	case "esc":
		l.searching, l.query = false, ""
	case "enter":
		l.searching = false
		if l.query != "" {
			l.find(-1)
		}
	case "backspace":
		if r := []rune(l.query); len(r) > 0 {
			l.query = string(r[:len(r)-1])
		}
	default:
		if len(l.query) < 80 {
			l.query += msg.Text
		}
	}
}

// find goes to the next line that has the query, in the direction given.
// Case does not count.
func (l *logPane) find(dir int) {
	from := l.top
	if l.follow {
		from = len(l.lines)
	}
	q := strings.ToLower(l.query)
	for i := from + dir; i >= 0 && i < len(l.lines); i += dir {
		if strings.Contains(strings.ToLower(l.at(i)), q) {
			l.top, l.follow, l.found = min(i, l.bottom()), false, true
			return
		}
	}
	l.found = false
}

// view draws the pane into w columns and h rows.
func (l *logPane) view(c canvas, w, h int) []string {
	l.rows = h
	if l.searching {
		h--
	}
	var out []string
	switch {
	case len(l.lines) == 0:
	case l.follow:
		out = l.newest(w, h)
	default:
		l.top = min(l.top, max(0, len(l.lines)-1))
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
		out = append(out, c.accent.Render("/")+cut(l.query, w-2)+c.accent.Render("_"))
	}
	return out
}

// newest is the last h rows.
func (l *logPane) newest(w, h int) []string {
	var out []string
	for i := len(l.lines) - 1; i >= 0 && len(out) < h; i-- {
		out = append(l.rowsOf(i, w), out...)
	}
	if len(out) > h {
		out = out[len(out)-h:]
	}
	return out
}

// storeHash is what makes store paths long; people read the name behind it.
var storeHash = regexp.MustCompile(`/nix/store/[0-9a-z]{32}-`)

func (l *logPane) rowsOf(i, w int) []string {
	line := l.at(i)
	if !l.wrap && strings.Contains(line, "/nix/store/") {
		line = storeHash.ReplaceAllString(line, "")
	}
	if !l.wrap {
		return []string{cut(line, w)}
	}
	return strings.Split(ansi.Hardwrap(line, w, true), "\n")
}

// mark shows where the query is.
func (l *logPane) mark(c canvas, line string) string {
	if l.query == "" {
		return line
	}
	at := strings.Index(strings.ToLower(line), strings.ToLower(l.query))
	if at < 0 || at+len(l.query) > len(line) {
		return line
	}
	return line[:at] + c.selected.Render(line[at:at+len(l.query)]) + line[at+len(l.query):]
}
