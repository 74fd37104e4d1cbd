package sys

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// maxLine is where a line without an end is broken, in bytes.
const maxLine = 64 << 10

// lineWriter cuts a stream into lines. A carriage return ends a line too:
// that is how programs redraw a progress line.
type lineWriter struct {
	each func(string)
	buf  []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			w.buf = append(w.buf, p...)
			break
		}
		w.buf = append(w.buf, p[:i]...)
		p = p[i+1:]
		w.flush()
	}
	if len(w.buf) > maxLine {
		w.flush()
	}
	return n, nil
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
