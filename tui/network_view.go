package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

func (n *network) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	p.head("There is no network yet", n.host().TargetHost+" is built from its flake, and that must be fetched. Plug in a cable, or join a Wi-Fi network; this goes on by itself.")
	if !n.sees() {
		p.add(c.dim.Render(c.spin() + " looking"))
		return p.String(), nil
	}
	if !n.asking || !c.low() {
		n.viewState(p)
	}
	cursor := n.viewWiFi(p)
	if n.note != "" {
		style := c.accent
		if n.bad {
			style = c.bad
		}
		p.para(style, cut(clean(n.note), 2*c.w-10))
	}
	return p.String(), cursor
}

func (n *network) viewState(p *page) {
	c := p.c
	most := max(2, p.left()/2)
	if c.low() {
		most = 2
	}
	for i, f := range n.state.Interfaces {
		if i == most-1 && len(n.state.Interfaces) > most {
			p.add(c.dim.Render("and " + itoa(len(n.state.Interfaces)-i) + " more"))
			break
		}
		p.add(c.dim.Render(pad(clean(f.Name), 12)) + cut(clean(f.About), c.w-12))
	}
	if problem := clean(n.state.Problem); problem != "" {
		p.marked("!", c.warn, cut(problem, 2*c.w-24))
	}
	p.gap()
}

func (n *network) viewWiFi(p *page) *tea.Cursor {
	c := p.c
	if n.state.WiFi == "" {
		p.para(c.text, "No Wi-Fi: no adapter, or neither NetworkManager nor iwd runs.")
		return nil
	}
	from, to := window(n.at, len(n.aps), max(2, p.left()-6))
	name := max(10, min(34, c.w-18))
	for i := from; i < to; i++ {
		ap := n.aps[i]
		mark, style := "  ", c.text
		if i == n.at {
			mark, style = glyphCursor+" ", c.selected
		}
		full, empty := bar(int64(ap.Signal), 100, 5)
		lock := "open"
		switch {
		case ap.InUse:
			lock = "joined"
		case ap.Secured:
			lock = "secured"
		}
		p.add(style.Render(mark+pad(or(ap.Name(), "(no name)"), name)) + " " + c.good.Render(full) + c.rule.Render(empty) + " " + c.dim.Render(lock))
	}
	if !n.asking {
		return nil
	}
	p.gap()
	text, at := n.pass.view(min(40, c.w-16), n.show)
	cursor := tea.NewCursor(14+at, p.row())
	p.add(c.accent.Render(glyphCursor+" passphrase  ") + text)
	p.add(blanks(14) + c.rule.Render(strings.Repeat(glyphLine, min(40, c.w-16))))
	return cursor
}
