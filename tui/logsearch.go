package tui

import (
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

func (l *logPane) searchKey(msg tea.KeyPressMsg) {
	switch {
	case keyLeaveS.is(msg):
		l.searching, l.query = false, ""
	case keyFind.is(msg):
		l.searching = false
		if l.query != "" {
			l.find(-1)
		}
	case keyErase.is(msg):
		l.query = ""
	case msg.String() == "backspace" || msg.String() == "ctrl+h":
		_, n := utf8.DecodeLastRuneInString(l.query)
		l.query = l.query[:len(l.query)-n]
	case len(l.query) < 80:
		l.query += clean(msg.Text)
	}
}

// find goes to the next line that has the query, in the direction given.
func (l *logPane) find(dir int) {
	from := l.top
	switch {
	case l.hit >= l.gone():
		from = l.hit - l.gone()
	case l.follow:
		from = len(l.lines)
	case dir < 0:
		from = min(len(l.lines), l.top+l.rows) // what is on the screen counts
	}
	for i := from + dir; i >= 0 && i < len(l.lines); i += dir {
		if indexFold(l.at(i), l.query) >= 0 {
			l.top, l.follow, l.found, l.hit = min(l.above(i, l.rows/2+1), l.bottom()), false, true, l.gone()+i
			return
		}
	}
	l.found = false
}

// indexFold is strings.Index, but A matches a. Other letters match themselves
// only: their other case may be longer.
func indexFold(s, sub string) int {
	fold := func(b byte) byte {
		if b >= 'A' && b <= 'Z' {
			return b + 'a' - 'A'
		}
		return b
	}
next:
	for i := 0; i+len(sub) <= len(s); i++ {
		for j := range len(sub) {
			if fold(s[i+j]) != fold(sub[j]) {
				continue next
			}
		}
		return i
	}
	return -1
}
