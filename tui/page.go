package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// page builds a body line by line.
type page struct {
	canvas
	lines  []string
	cursor *tea.Cursor // its place on the page; nil: hidden
}

func newPage(c canvas) *page { return &page{canvas: c, lines: make([]string, 0, c.h+8)} }

func (p *page) add(lines ...string) { p.lines = append(p.lines, lines...) }

// gap appends an empty line if there is room for it.
func (p *page) gap() {
	if p.h >= 16 {
		p.lines = append(p.lines, "")
	}
}

// head appends the screen's question and, if there is room, an explanation.
func (p *page) head(title, under string) {
	p.gap()
	p.add(p.title(cut(clean(title), p.w)))
	if under != "" && !p.low() {
		p.para(p.text, under) // grey is too dark to read on a console
	}
	p.gap()
}

// para appends text, wrapped.
func (p *page) para(style ink, s string) {
	for _, l := range wrap(s, p.w) {
		p.add(style(l))
	}
}

// marked appends text, wrapped, behind a mark of one column.
func (p *page) marked(mark string, style ink, s string) {
	for n, l := range wrap(s, p.w-2) {
		if n > 0 {
			mark = " "
		}
		p.add(style(mark + " " + l))
	}
}

// wait appends what the screen waits for.
func (p *page) wait(what string) { p.add(p.dim(p.spin() + " " + what)) }

func (p *page) fact(name, value string) { p.add(p.canvas.fact(name, value)) }

// fact is a name and its value, such as a disk and its model.
func (c canvas) fact(name, value string) string {
	return c.dim(pad(name, 9)) + cut(value, c.w-9)
}

// note is what became of something that the operator asked for, or why it cannot be.
// It is gone when the operator edits a field, or another screen is shown.
type note struct {
	text string
	bad  bool
}

// set takes an error, or the text that says it went well.
func (n *note) set(err error, text string) {
	if n.text, n.bad = text, err != nil; n.bad {
		n.text = inWords(err)
	}
}

func (n *note) refuse(why string) { *n = note{why, true} }

// refused appends why an answer was refused.
func (p *page) refused(n note) {
	if n.text != "" {
		p.marked("!", p.bad, cut(clean(n.text), 3*p.w))
	}
}

// note appends as much of a note as fits.
func (p *page) note(n note) {
	if n.text == "" {
		return
	}
	style := p.accent
	if n.bad {
		style = p.bad
	}
	p.gap()
	if p.left() < 2 {
		p.add(style(cut(clean(n.text), p.w)))
		return
	}
	lines := wrap(clean(n.text), p.w)
	for _, l := range lines[:min(len(lines), p.left())] {
		p.add(style(l))
	}
}

// list appends the rows around the cursor, as many as fit. Wide screens also show the
// description of each row.
func (p *page) list(at, n, room int, row func(i int) (label, about string)) {
	from, to := window(at, n, room)
	for i := from; i < to; i++ {
		label, about := row(i)
		mark, style := p.mark(i == at)
		if p.w < 60 {
			about = ""
		}
		label = cut(mark+label, p.w)
		p.add(style(label) + p.dim(cut(about, p.w-width(label))))
	}
}

// offer is one of the things that can be done now.
type offer struct {
	label, about string
	do           func()
}

// choices appends a list of them, their labels w columns wide.
func (p *page) choices(all []offer, at, w, room int) {
	p.list(at, len(all), room, func(i int) (label, about string) { return pad(all[i].label, w), all[i].about })
}

// mark is the mark and the style of a row of a list, with the cursor or without.
func (c canvas) mark(here bool) (mark string, style ink) {
	if here {
		return glyphCursor + " ", c.selected
	}
	return "  ", c.text
}

// field appends a labelled field with its rule. If it has the keys, it has the
// cursor.
func (p *page) field(label string, f *field, show, here bool) {
	const left = 14
	room := min(48, p.w-left-2)
	text, at := f.view(room, show)
	style, mark := p.dim, "  "
	if here {
		style, mark = p.accent, glyphCursor+" "
		p.cursor = tea.NewCursor(left+at, p.row())
	}
	p.add(style(mark+pad(label, left-2))+text, blanks(left)+p.rule(strings.Repeat(glyphLine, room)))
}

// few shortens lines to n. The last one then says how many are missing.
func few(lines []string, n int, more func(missing int) string) []string {
	if len(lines) <= n || n < 1 {
		return lines[:max(0, min(n, len(lines)))]
	}
	return append(lines[:n-1:n-1], more(len(lines)-n+1))
}

func andMore(missing int) string { return fmt.Sprintf("and %d more", missing) }

// keys appends keys and what they do. The keys have w columns.
func (p *page) keys(all []binding, w int) {
	for _, k := range all {
		if !k.hide {
			p.add(p.key(pad(k.Help().Key, w)) + cut(or(k.long, k.Help().Desc), p.w-w))
		}
	}
}

// keymap appends the keymap with which a passphrase is typed.
func (p *page) keymap(name string, capsLock bool) {
	line := p.dim("  "+pad("keyboard", 12)) + or(clean(name), "the console's own")
	if capsLock {
		line += p.warn("  ! Caps Lock is on")
	}
	p.add(line)
}

// row is where the next line will be.
func (p *page) row() int { return len(p.lines) }

// left is how many more lines fit.
func (p *page) left() int { return p.h - len(p.lines) }

func (p *page) String() string { return strings.Join(p.lines, "\n") }

// box draws lines in a frame with a title, w columns wide. lipgloss' borders have
// no title.
func (c canvas) box(title string, w int, lines ...string) []string {
	inner := w - 4
	title = cut(title, inner-2)
	top := c.rule("┌"+glyphLine) + " " + c.strong(title) + " " +
		c.rule(strings.Repeat(glyphLine, max(0, w-5-width(title)))+"┐")
	out := []string{top}
	for _, l := range lines {
		out = append(out, c.rule("│")+" "+pad(l, inner)+" "+c.rule("│"))
	}
	return append(out, c.rule("└"+strings.Repeat(glyphLine, w-2)+"┘"))
}

// beside puts two blocks of lines side by side.
func beside(at lipgloss.Position, left, right []string) []string {
	return strings.Split(lipgloss.JoinHorizontal(at, strings.Join(left, "\n"), "  ", strings.Join(right, "\n")), "\n")
}

// window returns which rows of a list of n to show in room rows, with at among
// them.
func window(at, n, room int) (from, to int) {
	if n <= room {
		return 0, n
	}
	from = max(0, min(at-room/2, n-room))
	return from, from + room
}
