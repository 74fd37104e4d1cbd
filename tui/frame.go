package tui

import "strings"

// The screen is: a rule with the title, the body, a rule with the help.
const (
	minWidth, minHeight = 40, 12
	maxBody             = 104 // columns; wider lines are hard to read
	frameRows           = 3   // header, rule, help
)

// canvas is where a body is drawn: its size and its styles.
type canvas struct {
	w, h int
	styles
	tick    int  // advances while something is awaited
	console bool // draw only what the console's font has
}

// low tells that a body has room for the question and its answer, and for
// little else.
func (c canvas) low() bool { return c.h < 14 }

// spin is the spinner's glyph of now.
func (c canvas) spin() string { return spinner[c.tick%len(spinner)] }

// header is the top line: what this is, and how far one is.
func header(c canvas, host, where string) string {
	left := "auto-installer"
	if host != "" && c.w >= 60 {
		left += " " + glyphSmall + " " + host
	}
	left = cut(left, c.w-width(where)-8)
	fill := max(1, c.w-width(left)-width(where)-6)
	return c.rule.Render(glyphLine) + " " + c.strong.Render(left) + " " + c.rule.Render(strings.Repeat(glyphLine, fill)) +
		" " + c.accent.Render(where) + " " + c.rule.Render(glyphLine)
}

// helpLine is the bottom line: as many keys as there is room for, and help
// itself, if there is any.
func helpLine(c canvas, keys []binding) string {
	const gap = "   "
	last := ""
	for _, k := range keys {
		if k.does == keyHelp.does {
			last = c.key.Render(k.show) + " " + k.does
		}
	}
	room := c.w - 2 - width(last)
	var b strings.Builder
	b.WriteString(" ")
	for _, k := range keys {
		if k.hide || k.does == keyHelp.does {
			continue
		}
		item := c.key.Render(k.show) + " " + k.does + gap
		if room -= width(item); room < 0 {
			break
		}
		b.WriteString(item)
	}
	return b.String() + last
}

// body is the canvas of the part between header and help.
func (c canvas) body() canvas {
	c.w = min(c.w-4, maxBody)
	if c.w < minWidth-2 {
		c.w = minWidth - 2
	}
	c.h -= frameRows
	return c
}

// frame puts a body into its frame. Every line comes out exactly as wide as
// the screen, so that nothing of an earlier picture shows through, and fit for
// the terminal: this is the one place through which all text goes.
func frame(c canvas, top, body, help string) string {
	inner := c.body()
	left := blanks((c.w - inner.w) / 2)
	lines := strings.Split(body, "\n")
	out := make([]string, 0, c.h)
	out = append(out, pad(shown(top, c.console), c.w))
	for i := range inner.h {
		line := ""
		if i < len(lines) {
			line = left + cut(shown(lines[i], c.console), c.w-len(left))
		}
		out = append(out, pad(line, c.w))
	}
	out = append(out, c.rule.Render(strings.Repeat(glyphLine, c.w)), pad(shown(help, c.console), c.w))
	return strings.Join(out, "\n")
}

// tooSmall is shown below the smallest size. The screens keep their state.
func tooSmall(c canvas) string {
	lines := []string{"the screen is too small", "it needs 40x12"}
	out := make([]string, 0, max(1, c.h))
	for i := range max(1, c.h) {
		line := ""
		if n := i - (c.h-len(lines))/2; n >= 0 && n < len(lines) {
			line = blanks((c.w-len(lines[n]))/2) + lines[n]
		}
		out = append(out, pad(line, c.w))
	}
	return strings.Join(out, "\n")
}

// page builds a body line by line.
type page struct {
	c     canvas
	lines []string
}

func newPage(c canvas) *page { return &page{c: c, lines: make([]string, 0, c.h+8)} }

// add appends lines as they are.
func (p *page) add(lines ...string) { p.lines = append(p.lines, lines...) }

// gap appends an empty line where there is room for looks.
func (p *page) gap() {
	if p.c.h >= 16 {
		p.lines = append(p.lines, "")
	}
}

// head appends the screen's question and, where there is room, what it means.
func (p *page) head(title, under string) {
	p.gap()
	p.add(p.c.title.Render(cut(clean(title), p.c.w)))
	if under != "" && !p.c.low() {
		for _, l := range wrap(under, p.c.w) {
			p.add(p.c.text.Render(l)) // grey is too dark on a console to be read
		}
	}
	p.gap()
}

// para appends text, wrapped.
func (p *page) para(i ink, s string) {
	for _, l := range wrap(s, p.c.w) {
		p.add(i.Render(l))
	}
}

// marked appends text, wrapped, behind a mark of one column.
func (p *page) marked(mark string, i ink, s string) {
	for n, l := range wrap(s, p.c.w-2) {
		if n > 0 {
			mark = " "
		}
		p.add(i.Render(mark + " " + l))
	}
}

// option appends a row of a list, with the cursor on it or not.
func (p *page) option(here bool, label string, i ink) {
	mark := "  "
	if here {
		mark, i = glyphCursor+" ", p.c.selected
	}
	p.add(i.Render(pad(mark+label, p.c.w)))
}

// row is where the next line will be.
func (p *page) row() int { return len(p.lines) }

// left is how many more lines fit.
func (p *page) left() int { return p.c.h - len(p.lines) }

func (p *page) String() string { return strings.Join(p.lines, "\n") }

// box draws lines in a frame with a title, w columns wide.
func (c canvas) box(title string, w int, lines ...string) []string {
	inner := w - 4
	title = cut(title, inner-2)
	top := c.rule.Render("┌"+glyphLine) + " " + c.strong.Render(title) + " " +
		c.rule.Render(strings.Repeat(glyphLine, max(0, w-5-width(title)))+"┐")
	out := []string{top}
	for _, l := range lines {
		out = append(out, c.rule.Render("│")+" "+pad(l, inner)+" "+c.rule.Render("│"))
	}
	return append(out, c.rule.Render("└"+strings.Repeat(glyphLine, w-2)+"┘"))
}

// window is which rows of a list of n to show in room rows, so that at is
// among them.
func window(at, n, room int) (from, to int) {
	if n <= room {
		return 0, n
	}
	from = max(0, min(at-room/2, n-room))
	return from, from + room
}
