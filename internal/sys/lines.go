package sys

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// maxLine is where a line without an end is cut, in bytes. Cmd.Lines is for lines that a
// program reads, which are useless in pieces: such a line may have MaxMessage bytes,
// and the rest is dropped.
const (
	maxLine    = 64 << 10
	MaxMessage = 16 << 20
)

// lineWriter cuts a stream into lines. A carriage return ends a line too, because
// programs redraw a progress line with it.
type lineWriter struct {
	each func(string)
	most int // bytes
	cut  bool
	buf  []byte

	lost bool // the line had most bytes, and its rest is dropped
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

// flush passes on the line so far. Empty lines are dropped.
func (w *lineWriter) flush() {
	if len(w.buf) > 0 {
		w.each(string(w.buf))
		w.buf = w.buf[:0]
	}
}

// Clean returns a line of a program's output without what controls a terminal: no
// escape sequence, no control character, no line break of any kind, nothing that
// reorders, valid UTF-8; a tab becomes a space. Names go through Visible instead,
// which shows such characters.
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
