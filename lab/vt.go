package lab

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// vt is as much of a terminal as programs need to draw on a serial line
// (console_codes(4)): characters go to a grid, colours are passed over.
type vt struct {
	mu          sync.Mutex
	w, h        int
	cells       [][]rune
	other       [][]rune // the normal screen while the alternate one is shown
	x, y        int
	wrap        bool // the next character goes to the next line
	insert      bool // characters push those after them along
	savedX      int
	savedY      int
	top, bottom int // the part that scrolls
	last        rune
	part        []byte // an escape sequence or character not yet whole
}

func newVT(w, h int) *vt {
	return &vt{w: w, h: h, cells: grid(w, h), bottom: h - 1}
}

func grid(w, h int) [][]rune {
	cells := make([][]rune, h)
	for y := range cells {
		cells[y] = blanks(w)
	}
	return cells
}

func blanks(w int) []rune { return []rune(strings.Repeat(" ", w)) }

// Screen is what the terminal shows, a line each, without trailing blanks.
func (t *vt) Screen() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := make([]string, t.h)
	for y, row := range t.cells {
		lines[y] = strings.TrimRight(string(row), " ")
	}
	return lines
}

// Write takes what the line brought.
func (t *vt) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := slices.Concat(t.part, data)
	for len(text) > 0 {
		n := t.take(text)
		if n == 0 {
			break
		}
		text = text[n:]
	}
	t.part = bytes.Clone(text)
	return len(data), nil
}

// take handles the first character or sequence and returns its length, or 0 if
// it is not whole yet.
func (t *vt) take(text []byte) int {
	if text[0] == 0x1b {
		return t.escape(text)
	}
	if !utf8.FullRune(text) {
		return 0
	}
	char, size := utf8.DecodeRune(text)
	if char < ' ' || char == 0x7f {
		t.control(char)
	} else {
		t.put(char)
	}
	return size
}

func (t *vt) control(char rune) {
	switch char {
	case '\r':
		t.x, t.wrap = 0, false
	case '\n', '\v', '\f':
		t.wrap = false
		t.down()
	case '\b':
		t.x, t.wrap = max(0, t.x-1), false
	case '\t':
		t.x = min(t.w-1, (t.x/8+1)*8)
	}
}

func (t *vt) put(char rune) {
	if t.wrap {
		t.x, t.wrap = 0, false
		t.down()
	}
	if t.insert {
		copy(t.cells[t.y][t.x+1:], t.cells[t.y][t.x:])
	}
	t.cells[t.y][t.x], t.last = char, char
	if t.x == t.w-1 {
		t.wrap = true
	} else {
		t.x++
	}
}

func (t *vt) down() {
	if t.y == t.bottom {
		t.scroll(t.top, 1)
	} else {
		t.y = min(t.h-1, t.y+1)
	}
}

// scroll moves the lines from a row to the bottom of the scrolling part up by
// n, or down by -n.
func (t *vt) scroll(from, n int) {
	if from > t.bottom {
		return
	}
	part := t.cells[from : t.bottom+1]
	n = max(-len(part), min(len(part), n))
	for ; n > 0; n-- {
		copy(part, part[1:])
		part[len(part)-1] = blanks(t.w)
	}
	for ; n < 0; n++ {
		copy(part[1:], part)
		part[0] = blanks(t.w)
	}
}

// escape handles a sequence that begins with ESC.
func (t *vt) escape(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '[':
		for i := 2; i < len(text); i++ {
			if text[i] >= 0x40 && text[i] <= 0x7e {
				t.csi(string(text[2:i]), text[i])
				return i + 1
			}
		}
		return 0
	case ']', 'P', '_', '^': // a string, up to BEL or ESC \
		for i := 2; i < len(text); i++ {
			if text[i] == 0x07 {
				return i + 1
			}
			if text[i] == '\\' && text[i-1] == 0x1b {
				return i + 1
			}
		}
		return 0
	case '(', ')', '*', '+', '#', '%', ' ':
		if len(text) < 3 {
			return 0
		}
		return 3
	case '7':
		t.savedX, t.savedY = t.x, t.y
	case '8':
		t.x, t.y = t.savedX, t.savedY
	case 'D':
		t.down()
	case 'E':
		t.x = 0
		t.down()
	case 'M':
		if t.y == t.top {
			t.scroll(t.top, -1)
		} else {
			t.y = max(0, t.y-1)
		}
	case 'c':
		t.cells, t.other, t.x, t.y, t.top, t.bottom = grid(t.w, t.h), nil, 0, 0, 0, t.h-1
	}
	t.wrap = false
	return 2
}

// csi handles ESC [ params final.
func (t *vt) csi(params string, final byte) {
	private := ""
	if params != "" && strings.ContainsRune("?>=<", rune(params[0])) {
		private, params = params[:1], params[1:]
	}
	args := numbers(params)
	arg := func(i, otherwise int) int {
		if i < len(args) && args[i] > 0 {
			return args[i]
		}
		return otherwise
	}
	if private != "" {
		t.mode(private, final, args)
		return
	}
	n := arg(0, 1)
	t.wrap = t.wrap && final == 'm'
	switch final {
	case 'A':
		t.y = max(0, t.y-n)
	case 'B', 'e':
		t.y = min(t.h-1, t.y+n)
	case 'C', 'a':
		t.x = min(t.w-1, t.x+n)
	case 'D':
		t.x = max(0, t.x-n)
	case 'E':
		t.x, t.y = 0, min(t.h-1, t.y+n)
	case 'F':
		t.x, t.y = 0, max(0, t.y-n)
	case 'G', '`':
		t.x = min(t.w, n) - 1
	case 'd':
		t.y = min(t.h, n) - 1
	case 'H', 'f':
		t.y, t.x = min(t.h, n)-1, min(t.w, arg(1, 1))-1
	case 'r':
		t.top, t.bottom = min(t.h, n)-1, min(t.h, arg(1, t.h))-1
		if t.top >= t.bottom {
			t.top, t.bottom = 0, t.h-1
		}
		t.x, t.y = 0, 0
	case 's':
		t.savedX, t.savedY = t.x, t.y
	case 'u':
		t.x, t.y = t.savedX, t.savedY
	case 'h', 'l':
		if arg(0, 0) == 4 {
			t.insert = final == 'h'
		}
	case 'b':
		for range min(n, t.w*t.h) {
			t.put(t.last)
		}
	default:
		t.edit(final, arg(0, 0), n)
	}
}

// edit handles what erases, inserts and deletes.
func (t *vt) edit(final byte, which, n int) {
	row := t.cells[t.y]
	switch final {
	case 'J':
		if which == 0 {
			t.erase(t.y, t.x, t.w)
			for y := t.y + 1; y < t.h; y++ {
				t.erase(y, 0, t.w)
			}
			return
		}
		for y := range t.h {
			if which > 1 || y < t.y {
				t.erase(y, 0, t.w)
			}
		}
		if which == 1 {
			t.erase(t.y, 0, t.x+1)
		}
	case 'K':
		from, to := t.x, t.w
		if which > 0 {
			from = 0
		}
		if which == 1 {
			to = t.x + 1
		}
		t.erase(t.y, from, to)
	case 'X':
		t.erase(t.y, t.x, min(t.w, t.x+n))
	case 'P':
		n = min(n, t.w-t.x)
		copy(row[t.x:], row[t.x+n:])
		t.erase(t.y, t.w-n, t.w)
	case '@':
		n = min(n, t.w-t.x)
		copy(row[t.x+n:], row[t.x:])
		t.erase(t.y, t.x, t.x+n)
	case 'L':
		t.scroll(t.y, -n)
	case 'M':
		t.scroll(t.y, n)
	case 'S':
		t.scroll(t.top, n)
	case 'T':
		t.scroll(t.top, -n)
	}
}

func (t *vt) erase(y, from, to int) {
	for x := from; x < to; x++ {
		t.cells[y][x] = ' '
	}
}

// mode handles private modes: only the alternate screen matters.
func (t *vt) mode(private string, final byte, args []int) {
	if private != "?" || final != 'h' && final != 'l' {
		return
	}
	for _, n := range args {
		if n != 1049 && n != 1047 && n != 47 {
			continue
		}
		switch {
		case final == 'h' && t.other == nil:
			t.other, t.cells = t.cells, grid(t.w, t.h)
			t.savedX, t.savedY = t.x, t.y
		case final == 'l' && t.other != nil:
			t.cells, t.other = t.other, nil
			t.x, t.y = t.savedX, t.savedY
		}
	}
}

// numbers reads "3;4"; what is no number is 0.
func numbers(params string) []int {
	var out []int
	for word := range strings.SplitSeq(params, ";") {
		n := 0
		for _, d := range word {
			if d < '0' || d > '9' || n > 9999 {
				break
			}
			n = 10*n + int(d-'0')
		}
		out = append(out, n)
	}
	return out
}
