package tui

import (
	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// confirm is the gate that only a person opens: the word yes, typed in the
// clear, under what it destroys.
type confirm struct {
	*session
	typed []rune
	hint  string
}

const word = "yes"

func newConfirm(s *session) *confirm { return &confirm{session: s} }

func (f *confirm) name() string { return "Confirm" }

func (f *confirm) typing() bool { return true }

func (f *confirm) keys() []binding {
	return []binding{bind("yes, Enter", "install", "enter").explained("type yes and press Enter: the install starts"), keyBack}
}

func (f *confirm) enter() tea.Cmd {
	f.typed, f.hint = nil, ""
	return listDisks(f.backend)
}

func (f *confirm) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		f.hint = "pasting does not count: type the word"
	case startedMsg:
		if msg.err != nil {
			f.failure = steps.NewError("", msg.err)
			return nil, goTo(stateFailure)
		}
	case tea.KeyPressMsg:
		return f.key(msg)
	}
	return nil, stay
}

func (f *confirm) key(msg tea.KeyPressMsg) (tea.Cmd, turn) {
	f.hint = ""
	switch {
	case keyBack.is(msg):
		return nil, back
	case msg.String() == "backspace" && len(f.typed) > 0:
		f.typed = f.typed[:len(f.typed)-1]
	case msg.String() == "ctrl+u":
		f.typed = nil
	case keyNext.is(msg):
		if string(f.typed) != word {
			f.hint = "type the word yes to install, or press Esc"
			f.typed = nil
			return nil, stay
		}
		f.typed = nil
		return nil, goTo(stateInstall)
	case len([]rune(msg.Text)) == 1 && len(f.typed) < 12:
		f.typed = append(f.typed, []rune(msg.Text)...)
	}
	return nil, stay
}

func (f *confirm) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	v, _ := f.verdict(f.answers.Disk.Path)
	d := v.Device
	p.head("This disk will be erased", "")
	fact := func(name, value string) string { return c.dim.Render(pad(name, 8)) + cut(value, c.w-12) }
	lines := []string{
		fact("disk", c.strong.Render(d.Path+"  "+steps.Size(d.Size))),
		fact("model", or(steps.CleanText(d.Model), "not told")),
		fact("serial", or(steps.CleanText(d.Serial), "none")),
		"",
	}
	switch {
	case v.Blank:
		lines = append(lines, c.good.Render("the disk is blank"))
	case len(v.Holds) == 0:
		lines = append(lines, c.warn.Render("nothing that is known is on it"))
	}
	room := max(1, p.left()-len(lines)-6)
	for i, h := range v.Holds {
		if i == room-1 && len(v.Holds) > room {
			lines = append(lines, c.warn.Render("and "+itoa(len(v.Holds)-i)+" more"))
			break
		}
		lines = append(lines, c.warn.Render(cut(glyphBad+" "+steps.CleanText(h), c.w-4)))
	}
	p.add(c.box("everything on it is lost", c.w, lines...)...)
	p.gap()
	prompt := "Type yes to install " + f.host().TargetHost + " on it: "
	prompt = cut(prompt, c.w-13)
	cursor := tea.NewCursor(len([]rune(prompt))+len(f.typed), p.row())
	p.add(c.title.Render(prompt) + c.accent.Render(string(f.typed)))
	if f.hint != "" {
		p.add(c.warn.Render(f.hint))
	}
	return p.String(), cursor
}
