package sys

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// maxLine is where a line without an end is broken, in bytes. One that a program
// reads, of Lines, is of no use in pieces: it may have MaxMessage bytes, and
// loses the rest.
const (
	maxLine    = 64 << 10
	MaxMessage = 16 << 20
)

// lineWriter cuts a stream into lines. A carriage return ends a line too:
// that is how programs redraw a progress line.
type lineWriter struct {
	each func(string)
	most int // bytes
	cut  bool
	buf  []byte

	lost bool // the line has had most bytes; what comes is the rest of it
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			w.add(p)
			break
		}
		w.add(p[:i])
		p = p[i+1:]
		w.flush()
		w.lost = false
	}
	if len(w.buf) > w.most {
		w.flush()
		w.lost = w.cut
	}
	return n, nil
}

func (w *lineWriter) add(p []byte) {
	if !w.lost {
		w.buf = append(w.buf, p...)
	}
}

// flush gives on what has come of a line. Empty lines are dropped.
func (w *lineWriter) flush() {
	if len(w.buf) > 0 {
		w.each(string(w.buf))
		w.buf = w.buf[:0]
	}
}

// Clean is a line of a program's output without what that meant for a terminal:
// no escape sequence, no control character, no line break of any kind, nothing
// that reorders, valid UTF-8; a tab becomes a space. Names are not cleaned but
// shown, by Visible.
func Clean(s string) string {
	s = ansi.Strip(strings.ToValidUTF8(s, string(utf8.RuneError)))
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, s)
}
