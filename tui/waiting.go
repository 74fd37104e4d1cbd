package tui

// viewWaiting is what the engine needs of the operator, in the place of the
// log.
func (i *install) viewWaiting(p *page) {
	c := p.c
	p.marked("!", c.warn, "Waiting for "+clean(i.run.waiting.For))
	p.gap()
	if i.without {
		p.para(c.text, "Go on without it? The installed system starts, and cannot open its secrets until it is put there by hand.")
		p.gap()
		p.add("Press " + c.key.Render("y") + " to go on without it, " + c.key.Render("Esc") + " to go on waiting.")
		return
	}
	// What came and was not taken is told as a warning.
	if n := len(i.run.warnings); n > i.run.before {
		p.marked("!", c.bad, clean(i.run.warnings[n-1]))
		p.gap()
	}
	for _, line := range i.run.waiting.How {
		line = clean(line)
		style := c.text
		if len(line) > 0 && line[0] == ' ' {
			style = c.accent // a command, or what is to be compared
		}
		if width(line) <= c.w {
			p.add(style.Render(line))
			continue
		}
		p.para(style, line)
	}
}
