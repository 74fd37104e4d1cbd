package tui

import (
	"slices"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

// planScreen shows the disk before and after, side by side, and the steps.
type planScreen struct {
	*session
	err    error
	scroll scroll
}

func (s *planScreen) enter() {
	s.plan, s.err = nil, nil
	s.scroll.pane.GotoTop()
	a := s.answers
	askTwo(s, func() (*steps.Install, error) { return s.backend.Plan(a) }, func(p *steps.Install, err error) {
		if a.Disk.Path == s.answers.Disk.Path { // no other disk was chosen in the meantime
			s.plan, s.err = p, err
		}
	})
}

func (s *planScreen) keys() []binding {
	on := keyNext.explained("go on; nothing is written yet")
	if s.plan == nil || s.err != nil {
		on.to = stay
	}
	return append([]binding{
		on, keyBack,
		bind("c", "command", "c").explained("show the command that does the same without questions").
			does(func() { s.note.set(nil, s.answers.CommandLine()) }),
	}, s.scroll.keys()...)
}

func (s *planScreen) view(p *page) {
	p.head("What the install does", "")
	switch {
	case s.err != nil:
		e := sys.AsFault(s.err)
		p.para(p.bad, e.Cause)
		if e.Hint != "" {
			p.marked(glyphRight, p.text, e.Hint)
		}
		return
	case s.plan == nil:
		p.wait("making the plan")
		return
	}
	var foot []string
	if s.note.text != "" {
		foot = wrap(s.note.text, p.w)
		foot = foot[:min(len(foot), p.left()/2)]
	}
	lines, _, below := s.scroll.lines(s.lines(p.canvas), p.w, p.left()-len(foot))
	if below > 0 {
		lines[len(lines)-1] = p.key(glyphDown) + p.dim(" "+count(below+1, "more line"))
	}
	p.add(lines...)
	for _, l := range foot {
		p.add(p.accent(l))
	}
}

// lines are the warnings, the disk before and after, and the steps. On low screens
// the warnings come after the disk.
func (s *planScreen) lines(c canvas) []string {
	v, _ := s.verdict(s.answers.Disk.Path)
	warned := page{canvas: c}
	all := slices.Concat(s.plan.Warnings, s.plan.Notes)
	for _, w := range all {
		warned.marked("!", c.warn, clean(w))
	}
	lines := warned.lines
	switch n := len(all); {
	case n > 0 && c.low():
		lines = []string{c.warn("! " + count(n, "warning") + " below")}
	case n > 0:
		lines = append(lines, "")
	}
	name := strings.TrimPrefix(clean(v.Device.Path), "/dev/")
	was, will := c.holds(v, glyphSmall, c.text, len(v.Holds)), after(s.plan, s.answers)
	if c.w < 60 {
		lines = slices.Concat(lines, c.box(name+" now", c.w, was...), c.box(name+" after", c.w, will...))
	} else {
		half := (c.w - 2) / 2
		lines = append(lines, beside(lipgloss.Top, c.box(name+" now", half, padLines(was, len(will))...),
			c.box(name+" after", half, padLines(will, len(was))...))...)
	}
	if c.low() {
		lines = append(lines, warned.lines...)
	}
	past := false
	for _, st := range s.plan.Steps {
		if st.Phase != engine.Check && !past {
			past = true
			lines = append(lines, c.rule(strings.Repeat(glyphLine, 2))+c.warn(" from here on the disk is written ")+
				c.rule(strings.Repeat(glyphLine, max(0, c.w-36))))
		}
		lines = append(lines, c.accent(pad(string(st.Name), 11))+cut(clean(st.Does), c.w-11))
	}
	return lines
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}

// after is what it will hold.
func after(p *steps.Install, a steps.Answers) []string {
	var lines []string
	for _, part := range p.Partitions {
		kind := [...]string{"ESP", "root", "swap"}[part.Number-1]
		if part.Number == 2 && a.Host.LUKS.Enable {
			kind = "LUKS2"
		}
		lines = append(lines, pad(block.FormatSize(part.Size), 10)+pad(kind, 6)+part.Name)
		switch {
		case kind == "LUKS2":
			lines = append(lines, pad("", 10)+pad("root", 6)+a.Host.Labels.Root)
		case kind == "swap" && a.Host.SwapIsRandomEncrypted():
			lines = append(lines, pad("", 10)+"new key at each start")
		}
	}
	return lines
}

// padLines makes a box as high as the one beside it.
func padLines(lines []string, n int) []string {
	return append(slices.Clip(lines), make([]string, max(0, n-len(lines)))...)
}
