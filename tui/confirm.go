package tui

import (
	"strings"

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
	return []binding{bind("yes Enter", "install", "enter").explained("type yes and press Enter: the install starts"), keyErase, keyBack}
}

func (f *confirm) enter() tea.Cmd {
	f.typed, f.hint = nil, ""
	return listDisks(f.backend)
}

func (f *confirm) update(msg tea.Msg) (tea.Cmd, turn) {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		f.hint = "pasting does not count: type the word"
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
	case (msg.String() == "backspace" || msg.String() == "ctrl+h") && len(f.typed) > 0:
		f.typed = f.typed[:len(f.typed)-1]
	case keyErase.is(msg):
		f.typed = nil
	case keyNext.is(msg):
		if string(f.typed) != word {
			f.hint = "type the word yes, or press Esc"
			f.typed = nil
			return nil, stay
		}
		f.typed = nil
		return nil, goTo(stateInstall)
	// More than a character at once was not typed.
	case len([]rune(msg.Text)) == 1 && len(f.typed) < 12:
		f.typed = append(f.typed, []rune(msg.Text)...)
	}
	return nil, stay
}

// means is what yes does to the disk, and what is needed of the operator after
// it. The disk is not blank unless it is known to be.
func (s *session) means(v steps.Verdict) string {
	text := "What is on it cannot be recovered."
	switch {
	case s.answers.Resume:
		text = "What was done on the disk is kept."
	case v.Blank:
		text = "It is blank: nothing is lost."
	}
	if s.plan != nil && s.plan.Waits != "" {
		text += " If " + s.host().TargetHost + " has secrets, the install later waits for " + clean(s.plan.Waits) + "; no other input is needed."
	} else {
		text += " No further input is needed."
	}
	if s.host().LUKS.Enable {
		text += " Every start asks for the passphrase."
	}
	return text
}

func (f *confirm) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	v, _ := f.verdict(f.answers.Disk.Path)
	d := v.Device
	title := "This disk will be erased"
	switch {
	case f.answers.Resume:
		title = "This install will be continued"
	case v.Blank:
		title = "This blank disk will be written"
	}
	p.head(title, f.means(v))
	fact := func(name, value string) string { return c.dim.Render(pad(name, 8)) + cut(value, c.w-12) }
	lines := []string{
		fact("disk", c.strong.Render(clean(d.Path)+"  "+steps.Size(d.Size))),
		fact("model", or(clean(d.Model), "not told")),
		fact("serial", or(clean(d.Serial), "none")),
	}
	if !c.low() {
		lines = append(lines, "")
	}
	box, holds := "everything on it is lost", c.warn
	switch {
	case f.answers.Resume:
		box, holds = "what is on it is kept", c.dim
	case v.Blank:
		box = "nothing is on it"
		lines = append(lines, c.good.Render("the disk is blank"))
	case len(v.Holds) == 0:
		lines = append(lines, c.warn.Render("nothing that is known is on it"))
	}
	mark := glyphBad
	if f.answers.Resume {
		mark = glyphSmall
	}
	room := max(1, p.left()-len(lines)-6)
	if c.low() {
		room = 1
	}
	for i, h := range v.Holds {
		if i == room-1 && len(v.Holds) > room {
			lines = append(lines, holds.Render("and "+itoa(len(v.Holds)-i)+" more"))
			break
		}
		lines = append(lines, holds.Render(cut(mark+" "+clean(h), c.w-4)))
	}
	if c.low() && len(v.Holds) > 1 {
		lines[len(lines)-1] = holds.Render(cut(mark+" "+clean(strings.Join(v.Holds, ", ")), c.w-4))
	}
	p.add(c.box(box, c.w, lines...)...)
	p.gap()
	prompt := "Type yes to install " + f.host().TargetHost + " on it: "
	short := "Type yes to install: "
	if f.answers.Resume {
		prompt, short = "Type yes to continue installing "+f.host().TargetHost+": ", "Type yes to continue: "
	}
	if width(prompt) > c.w-13 {
		prompt = short
	}
	typed := clean(string(f.typed))
	cursor := tea.NewCursor(width(prompt)+width(typed), p.row())
	p.add(c.title.Render(prompt) + c.accent.Render(typed))
	if f.hint != "" {
		p.add(c.warn.Render(cut(f.hint, c.w)))
	}
	return p.String(), cursor
}
