package tui

import (
	"slices"

	"auto-installer/steps"
)

// bundle asks for the passphrase of the sealed keys that the medium carries.
type bundle struct {
	*session
	pass    field
	show    bool
	opening bool
}

func (b *bundle) input() *field {
	if b.opened() || b.opening {
		return nil
	}
	return &b.pass
}

func (b *bundle) skip() bool { return b.chosen && b.answers.Bundle == nil }

// opened reports whether the host's age identity is known.
func (b *bundle) opened() bool { return b.answers.AgeIdentity != nil }

func (b *bundle) enter() {
	b.show = false
	b.pass.wipe()
}

func (b *bundle) keys() []binding {
	switch {
	case b.opened():
		return []binding{keyNext, keyBack}
	case b.opening:
		return []binding{keyBack}
	}
	return []binding{
		bind("Enter", "open", "enter").explained("open the sealed keys").does(b.open), shows(&b.show), keyErase,
		bind("F3", "without", "f3", "ctrl+n").explained("go on without the sealed keys; the install later waits for the age identity; also Ctrl+N").
			does(b.pass.wipe).goes(next),
		keyBack,
	}
}

// open passes a copy of the passphrase on; both are wiped.
func (b *bundle) open() {
	if b.pass.empty() {
		b.note.refuse("the passphrase is empty")
		return
	}
	host, sealed, pass := b.host().TargetHost, b.answers.Bundle, slices.Clone(b.pass.bytes())
	b.pass.wipe()
	b.opening, b.note = true, note{}
	askTwo(b, func() (steps.Keys, error) {
		defer clear(pass)
		return b.backend.OpenBundle(host, sealed, pass)
	}, func(keys steps.Keys, err error) {
		b.opening = false
		switch {
		case host != b.host().TargetHost || b.opened():
			keys.Wipe() // another host is chosen, or the keys are open already
		case err != nil:
			b.note.set(err, "")
		default:
			b.answers.TakeKeys(keys)
			b.goTo(next)
		}
	})
}

func (b *bundle) view(p *page) {
	host := clean(b.host().TargetHost)
	p.head("Open the keys of "+host,
		"This medium carries the age identity of "+host+" and the deploy key of its config repo, sealed with a passphrase.")
	switch {
	case b.opened():
		p.marked(glyphDone, p.good, "The keys are open.")
		return
	case b.opening:
		p.wait("opening the keys")
		return
	}
	p.field("passphrase", &b.pass, b.show, true)
	p.gap()
	p.keymap(b.keymap, false)
	p.gap()
	p.refused(b.note)
}
