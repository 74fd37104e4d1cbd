package tui

import (
	"bytes"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

// recovery offers a recovery key: a second keyslot for the day on which the
// passphrase is forgotten.
type recovery struct {
	*session
	stage recoveryStage
	shown []byte // the key, while it is on the screen
	qr    []string
	typed secret
	wrong bool
}

type recoveryStage int

const (
	recoveryOffer recoveryStage = iota
	recoveryShow
	recoveryConfirm
)

func newRecovery(s *session) *recovery { return &recovery{session: s} }

func (r *recovery) name() string { return "Recovery key" }

func (r *recovery) typing() bool { return r.stage == recoveryConfirm }

func (r *recovery) skip() bool { return r.chosen && !r.host().LUKS.Enable }

var (
	keyMake = bind("m", "make one", "m").explained("make a recovery key, show it, and add it to the disk")
	keyNone = bind("Enter", "go on without", "enter").explained("go on without a recovery key")
)

func (r *recovery) keys() []binding {
	switch r.stage {
	case recoveryOffer:
		if r.answers.RecoveryKey != nil {
			return []binding{bind("Enter", "keep it", "enter"), bind("m", "make another", "m"), bind("x", "go without", "x"), keyBack}
		}
		return []binding{keyMake, keyNone, keyBack}
	case recoveryShow:
		return []binding{bind("Enter", "I have written it down", "enter"), keyBack}
	}
	return []binding{bind("Enter", "check", "enter"), keyBack.explained("see the key again")}
}

func (r *recovery) enter() tea.Cmd {
	r.stage, r.wrong = recoveryOffer, false
	r.typed.wipe()
	return nil
}

func (r *recovery) update(msg tea.Msg) (tea.Cmd, turn) {
	key, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, stay
	}
	switch r.stage {
	case recoveryOffer:
		return nil, r.offer(key)
	case recoveryShow:
		switch {
		case keyNext.is(key):
			r.stage = recoveryConfirm
			r.typed.wipe()
		case keyBack.is(key):
			r.forget()
			r.stage = recoveryOffer
		}
	case recoveryConfirm:
		return nil, r.confirm(key)
	}
	return nil, stay
}

func (r *recovery) offer(key tea.KeyPressMsg) turn {
	switch {
	case keyBack.is(key):
		return back
	case keyNext.is(key):
		return next
	case key.String() == "x":
		r.forget()
		return next
	case keyMake.is(key):
		r.forget()
		r.shown = steps.NewRecoveryKey()
		r.qr = steps.QR(r.shown)
		r.stage = recoveryShow
	}
	return stay
}

// part is what is to be typed: the last two groups of the key.
func (r *recovery) part() []byte { return r.shown[len(r.shown)-2*groupLen:] }

// groupLen is how many letters of the key are shown together.
const groupLen = 4

func (r *recovery) confirm(key tea.KeyPressMsg) turn {
	switch {
	case keyBack.is(key):
		r.stage = recoveryShow
	case keyNext.is(key):
		if !bytes.EqualFold(r.typed.bytes(), r.part()) {
			r.wrong = true
			r.typed.wipe()
			return stay
		}
		r.answers.RecoveryKey = slices.Clone(r.shown)
		r.hide()
		return next
	case r.typed.key(key):
		r.wrong = false
	}
	return stay
}

// hide wipes what was shown; forget drops the key as well.
func (r *recovery) hide() {
	clear(r.shown)
	r.shown, r.qr = nil, nil
	r.typed.wipe()
}

func (r *recovery) forget() {
	r.hide()
	clear(r.answers.RecoveryKey)
	r.answers.RecoveryKey = nil
}

func (r *recovery) view(c canvas) (string, *tea.Cursor) {
	p := newPage(c)
	switch r.stage {
	case recoveryShow:
		return r.viewKey(p), nil
	case recoveryConfirm:
		p.head("Is it written down?", "Type the last eight letters of the key.")
		text, at := r.typed.view(20, true)
		cursor := tea.NewCursor(2+at, p.row())
		p.add(c.accent.Render(glyphCursor+" ") + text)
		p.add("  " + c.rule.Render(strings.Repeat(glyphLine, 20)))
		if r.wrong {
			p.gap()
			p.add(c.bad.Render("! those are not its last eight letters; Esc shows the key again"))
		}
		return p.String(), cursor
	}
	p.head("A recovery key?", "A second key to the disk, for the day on which the passphrase is forgotten. Keep it on paper, away from the machine.")
	if r.answers.RecoveryKey != nil {
		p.add(c.good.Render(glyphDone + " a recovery key will be added to the disk"))
	} else {
		p.add(c.key.Render("m     ")+"make one: it is shown once, as text and as a QR code",
			c.key.Render("Enter ")+"go on without")
	}
	return p.String(), nil
}

// viewKey shows the key, with its QR code beside or below if there is room.
func (r *recovery) viewKey(p *page) string {
	p.head("Write this down", "It is typed without the blanks, and its letters are on the same keys of most keyboards. It is not kept anywhere; anyone who has it can open the disk.")
	var text []string
	for half := range slices.Chunk(r.shown, len(r.shown)/2) {
		var groups []string
		for g := range slices.Chunk(half, groupLen) {
			groups = append(groups, string(g))
		}
		text = append(text, p.c.strong.Render(strings.Join(groups, " ")))
	}
	wide := 0
	if len(r.qr) > 0 {
		wide = len([]rune(r.qr[0]))
	}
	if wide == 0 || len(r.qr) > p.left() || p.c.w < wide+24 {
		p.add(text...)
		return p.String()
	}
	p.add(beside(append([]string{"", ""}, text...), r.qr, p.c.w-wide-2)...)
	return p.String()
}
