package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/disk/block"
	"auto-installer/steps"
)

// confirm asks for the word yes, typed in the clear, below the disk that the
// install erases.
type confirm struct {
	*session
	typed field
}

const word = "yes"

func (f *confirm) input() *field { return &f.typed }

func (f *confirm) edited() {
	if f.typed.pasted {
		f.note.refuse("a pasted word does not count: type it")
	}
}

func (f *confirm) enter() {
	f.typed.wipe()
	f.listDisks()
}

func (f *confirm) keys() []binding {
	return []binding{
		bind("yes Enter", "install", "enter").explained("type yes and press Enter to start the install").does(f.submit),
		keyErase, keyBack,
	}
}

func (f *confirm) submit() {
	typed := f.typed.text()
	f.typed.wipe()
	if typed == word {
		f.goTo(stateInstall)
		return
	}
	f.note.refuse("type the word yes, or press Esc")
}

// effect says what the install does to the disk: as a title, and as the title of
// a list of what is on it. A disk counts as blank only if it is known to be.
func (s *session) effect(v steps.Verdict) (title, list string) {
	switch {
	case s.answers.Resume:
		return "The install on this disk will be resumed", "what is on it is kept"
	case v.Blank:
		return "This blank disk will be written", "nothing is lost"
	}
	return "This disk will be erased", "everything on it is lost"
}

// consequence says what yes does, and what the operator has to do after it.
func (s *session) consequence(v steps.Verdict) string {
	text := "What is on it cannot be recovered."
	switch {
	case s.answers.Resume:
		text = "What the install has done is kept."
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

func (s *session) question() string {
	if s.answers.Resume {
		return "Type yes to resume installing " + s.host().TargetHost
	}
	return "Type yes to install " + s.host().TargetHost
}

func (f *confirm) view(p *page) {
	v, _ := f.verdict(f.answers.Disk.Path)
	d := v.Device
	title, list := f.effect(v)
	p.head(title, f.consequence(v))
	lines := []string{
		p.canvas.fact("disk", p.strong(clean(d.Path)+"  "+block.FormatSize(d.Size))),
		p.canvas.fact("model", or(clean(d.Model), "unknown")),
		p.canvas.fact("serial", or(clean(d.Serial), "none")),
	}
	if !p.low() {
		lines = append(lines, "")
	}
	mark, style := glyphBad, p.warn
	if f.answers.Resume {
		mark, style = glyphSmall, p.dim
	}
	if p.low() && len(v.Holds) > 0 {
		v.Holds = []string{strings.Join(v.Holds, ", ")}
	}
	lines = append(lines, p.holds(v, mark, style, p.left()-len(lines)-6)...)
	p.add(p.box(list, p.w, lines...)...)
	p.gap()
	prompt := f.question()
	if width(prompt) > p.w-15 {
		prompt = strings.TrimSuffix(prompt, " "+f.host().TargetHost)
	}
	prompt += ": "
	typed := clean(f.typed.text())
	p.cursor = tea.NewCursor(width(prompt)+width(typed), p.row())
	p.add(p.title(prompt) + p.accent(typed))
	if f.note.text != "" {
		p.add(p.warn(cut(clean(f.note.text), p.w)))
	}
}
