package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// planScreen shows the disk before and after, side by side, and the steps.
type planScreen struct {
	*session
	err    error
	saved  string
	top    int // first line shown
	height int
	total  int
}

func newPlan(s *session) *planScreen { return &planScreen{session: s} }

func (s *planScreen) name() string { return "Plan" }

var (
	keySave    = bind("w", "save", "w").explained("save the plan as a file")
	keyCommand = bind("c", "command", "c").explained("show the command that does the same without questions")
)

func (s *planScreen) keys() []binding {
	return []binding{
		keyNext, keyBack, keyCommand, keySave,
		bind("↑↓", "scroll", "up", "k", "shift+tab", "down", "j", "tab"),
	}
}

type (
	planMsg struct {
		plan *steps.Plan
		err  error
	}
	savedMsg struct {
		where string
		err   error
	}
)

func (s *planScreen) enter() tea.Cmd {
	s.err, s.saved, s.top = nil, "", 0
	b, a := s.backend, s.answers
	return func() tea.Msg {
		p, err := b.Plan(a)
		return planMsg{p, err}
	}
}

func (s *planScreen) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case planMsg:
		s.plan, s.err = msg.plan, msg.err
	case savedMsg:
		s.saved = "saved as " + msg.where
		if msg.err != nil {
			s.saved = "not saved: " + msg.err.Error()
		}
	case tea.KeyPressMsg:
		return s.key(msg)
	}
	return nil, stay
}

func (s *planScreen) key(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	switch {
	case keyBack.is(msg):
		return nil, back
	case keyNext.is(msg) && s.plan != nil && s.err == nil:
		return nil, next
	case keyUp.is(msg):
		s.top = max(0, s.top-1)
	case keyDown.is(msg):
		s.top = max(0, min(s.top+1, s.total-s.height))
	case keyFirst.is(msg):
		s.top = 0
	case keyLast.is(msg):
		s.top = max(0, s.total-s.height)
	case keyCommand.is(msg):
		s.saved = s.backend.CommandLine(s.answers)
	case keySave.is(msg) && s.plan != nil:
		b, p := s.backend, s.plan
		return func() tea.Msg {
			where, err := b.SavePlan(p)
			return savedMsg{where, err}
		}, stay
	}
	return nil, stay
}

func (s *planScreen) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	p.head("This is what will be done", "")
	if s.err != nil {
		e := steps.NewError("", s.err)
		for _, l := range wrap(e.Cause, c.w) {
			p.add(c.bad.Render(l))
		}
		p.para(e.Hint)
		return p.String(), nil
	}
	if s.plan == nil {
		p.add(c.dim.Render(spinner[c.tick%len(spinner)] + " making the plan"))
		return p.String(), nil
	}
	lines := s.lines(c)
	foot := wrap(s.saved, c.w)
	if s.saved == "" {
		foot = nil
	}
	s.total, s.height = len(lines), max(1, p.left()-len(foot))
	s.top = max(0, min(s.top, s.total-s.height))
	end := min(s.total, s.top+s.height)
	p.add(lines[s.top:end]...)
	for _, l := range foot {
		p.add(c.accent.Render(l))
	}
	return p.String(), nil
}

func (s *planScreen) lines(c canvas) []string {
	v, _ := s.verdict(s.answers.Disk.Path)
	half := (c.w - 2) / 2
	var lines []string
	for _, w := range s.plan.Warnings {
		for i, l := range wrap(w, c.w-2) {
			mark := "  "
			if i == 0 {
				mark = "! "
			}
			lines = append(lines, c.warn.Render(mark+l))
		}
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	beforeBox := c.box("now", half, pads(before(v))...)
	afterBox := c.box("after", half, pads(after(s.plan, s.answers))...)
	lines = append(lines, beside(beforeBox, afterBox, half)...)
	past := false
	for _, st := range s.plan.Steps {
		if st.Writes && !past {
			past = true
			lines = append(lines, c.rule.Render(strings.Repeat(glyphLine, 4))+c.warn.Render(" from here on the disk is written to ")+
				c.rule.Render(strings.Repeat(glyphLine, max(0, c.w-40))))
		}
		lines = append(lines, c.accent.Render(pad(st.Name, 11))+cut(st.Does, c.w-11))
	}
	return lines
}

// before is what a disk holds now.
func before(v steps.Verdict) []string {
	if v.Blank {
		return []string{"blank"}
	}
	if len(v.Holds) == 0 {
		return []string{"nothing that is known"}
	}
	var lines []string
	for _, h := range v.Holds {
		lines = append(lines, steps.CleanText(h))
	}
	return lines
}

// after is what it will hold.
func after(p *steps.Plan, a steps.Answers) []string {
	var lines []string
	for _, part := range p.Partitions {
		kind := [...]string{"ESP", "root", "swap"}[part.Number-1]
		if part.Number == 2 && a.Host.LUKS.Enable {
			kind = "LUKS2"
		}
		lines = append(lines, pad(steps.Size(part.Size), 10)+pad(kind, 6)+part.Name)
		switch {
		case kind == "LUKS2":
			lines = append(lines, pad("", 10)+pad("root", 6)+a.Host.Labels.Root)
		case kind == "swap" && a.Host.SwapIsRandomEncrypted():
			lines = append(lines, pad("", 16)+"new key at each start")
		}
	}
	return lines
}

// pads makes room for three lines, so that the two boxes look alike.
func pads(lines []string) []string {
	for len(lines) < 3 {
		lines = append(lines, "")
	}
	return lines
}

// beside puts two boxes side by side, the shorter one ending earlier.
func beside(left, right []string, w int) []string {
	var out []string
	for i := range max(len(left), len(right)) {
		l, r := "", ""
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		out = append(out, pad(l, w)+"  "+r)
	}
	return out
}
