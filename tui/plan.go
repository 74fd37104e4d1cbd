package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
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

var keyScroll = binding{keys: moves[0].keys, show: "↑↓", does: "scroll", long: "scroll; also k and j, Shift+Tab and Tab"}

func (s *planScreen) keys() []binding {
	return []binding{
		keyNext, keyBack, keyCommand, keySave, keyScroll, moves[1],
	}
}

type (
	planMsg struct {
		disk string
		plan *steps.Install
		err  error
	}
	commandMsg string
	savedMsg   struct {
		where string
		err   error
	}
)

func (s *planScreen) enter() tea.Cmd {
	s.plan, s.err, s.saved, s.top = nil, nil, "", 0
	b, a := s.backend, s.answers
	return func() tea.Msg {
		p, err := b.Plan(a)
		return planMsg{a.Disk.Path, p, err}
	}
}

func (s *planScreen) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case planMsg:
		// A late answer may be for a disk that is chosen no more.
		if msg.disk == s.answers.Disk.Path {
			s.plan, s.err = msg.plan, msg.err
		}
	case savedMsg:
		s.saved = "saved as " + msg.where
		if msg.err != nil {
			s.saved = "not saved: " + clean(msg.err.Error())
		}
	case commandMsg:
		s.saved = clean(string(msg))
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
		b, a := s.backend, s.answers
		return func() tea.Msg { return commandMsg(b.CommandLine(a)) }, stay
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
		e := engine.NewError("", s.err)
		p.para(c.bad, e.Cause)
		if e.Hint != "" {
			p.marked(glyphRight, c.text, e.Hint)
		}
		return p.String(), nil
	}
	if s.plan == nil {
		p.add(c.dim.Render(c.spin() + " making the plan"))
		return p.String(), nil
	}
	lines := s.lines(c)
	foot := wrap(s.saved, c.w)
	if s.saved == "" {
		foot = nil
	}
	foot = foot[:min(len(foot), p.left()/2)]
	s.total, s.height = len(lines), max(1, p.left()-len(foot))
	s.top = max(0, min(s.top, s.total-s.height))
	end := min(s.total, s.top+s.height)
	p.add(lines[s.top:end]...)
	if below := s.total - end; below > 0 {
		p.lines[len(p.lines)-1] = c.key.Render(glyphDown) + c.dim.Render(" "+itoa(below+1)+" more lines")
	}
	for _, l := range foot {
		p.add(c.accent.Render(l))
	}
	return p.String(), nil
}

func (s *planScreen) lines(c canvas) []string {
	v, _ := s.verdict(s.answers.Disk.Path)
	var warned page
	warned.c = c
	all := slices.Concat(s.plan.Warnings, s.twins(), s.plan.Notes)
	for _, w := range all {
		warned.marked("!", c.warn, clean(w))
	}
	lines := warned.lines
	switch n := len(all); {
	case n > 0 && c.low():
		lines = []string{c.warn.Render("! " + count(n, "warning") + " below")}
	case n > 0:
		lines = append(lines, "")
	}
	name := strings.TrimPrefix(clean(v.Device.Path), "/dev/")
	if c.w < 60 {
		lines = append(lines, c.box(name+" now", c.w, before(v)...)...)
		lines = append(lines, c.box(name+" after", c.w, after(s.plan, s.answers)...)...)
		if c.low() {
			lines = append(lines, warned.lines...)
		}
	} else {
		half := (c.w - 2) / 2
		was, will := before(v), after(s.plan, s.answers)
		beforeBox := c.box(name+" now", half, fill(was, len(will))...)
		afterBox := c.box(name+" after", half, fill(will, len(was))...)
		lines = append(lines, beside(beforeBox, afterBox, half)...)
	}
	past := false
	for _, st := range s.plan.Steps {
		if st.Phase != engine.Check && !past {
			past = true
			lines = append(lines, c.rule.Render(strings.Repeat(glyphLine, 2))+c.warn.Render(" from here on the disk is written ")+
				c.rule.Render(strings.Repeat(glyphLine, max(0, c.w-36))))
		}
		lines = append(lines, c.accent.Render(pad(string(st.Name), 11))+cut(clean(st.Does), c.w-11))
	}
	return lines
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return itoa(n) + " " + thing
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
		lines = append(lines, clean(h))
	}
	return lines
}

// after is what it will hold.
func after(p *steps.Install, a steps.Answers) []string {
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
			lines = append(lines, pad("", 10)+"new key at each start")
		}
	}
	return lines
}

// twins are the other disks that carry a label that this install will give:
// what finds partitions by their labels may then find the wrong one.
func (s *planScreen) twins() []string {
	l := s.host().Labels
	ours := []string{l.EFI, l.Root, l.LUKS, l.Swap}
	var out []string
	for _, v := range s.disks {
		if v.Device.Path == s.answers.Disk.Path || v.PathTo == s.answers.Disk.Path {
			continue
		}
		for _, p := range v.Device.Partitions {
			for _, label := range slices.Compact([]string{p.Label, p.PartLabel}) {
				if label != "" && slices.Contains(ours, label) {
					out = append(out, p.Path+" carries the label "+label+" too: unplug that disk before the first start")
				}
			}
		}
	}
	return out
}

// fill makes a box as high as the one beside it.
func fill(lines []string, n int) []string {
	for len(lines) < n {
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
