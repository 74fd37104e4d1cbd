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
	fresh func() []byte // makes a key
}

type recoveryStage int

const (
	recoveryOffer recoveryStage = iota
	recoveryShow
	recoveryConfirm
)

func newRecovery(s *session) *recovery { return &recovery{session: s, fresh: steps.NewRecoveryKey} }

func (r *recovery) name() string { return "Recovery key" }

func (r *recovery) typing() bool { return r.stage == recoveryConfirm }

func (r *recovery) skip() bool { return r.chosen && (!r.host().LUKS.Enable || r.once()) }

var (
	keyMake  = bind("m", "make one", "m").explained("make one: it is shown once, as text and as a QR code")
	keyNone  = bind("Enter", "go on without", "enter").explained("go on without a recovery key")
	keyHold  = bind("Enter", "keep it", "enter").explained("go on with the recovery key that was made")
	keyMore  = bind("m", "make another", "m").explained("forget this one and make another")
	keyDrop  = bind("x", "go without", "x").explained("forget it, and go on without")
	keyRead  = bind("Enter", "I have written it down", "enter")
	keyCheck = bind("Enter", "check", "enter")
)

func (r *recovery) keys() []binding {
	switch r.stage {
	case recoveryOffer:
		if r.answers.RecoveryKey != nil {
			return []binding{keyHold, keyMore, keyDrop, keyBack}
		}
		return []binding{keyMake, keyNone, keyBack}
	case recoveryShow:
		return []binding{keyRead, keyBack.explained("forget this key")}
	}
	return []binding{keyCheck, keyErase, keyBack.explained("see the key again")}
}

func (r *recovery) enter() tea.Cmd {
	r.stage, r.wrong = recoveryOffer, false
	r.hide()
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
	case keyDrop.is(key) && r.answers.RecoveryKey != nil:
		r.forget()
		return next
	case keyMake.is(key):
		r.forget()
		r.shown = r.fresh()
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
		p.head("Type the last eight letters of the key", "This proves that it is written down. It is not shown again.")
		text, at := r.typed.view(20, true)
		cursor := tea.NewCursor(2+at, p.row())
		p.add(c.accent.Render(glyphCursor+" ") + text)
		p.add("  " + c.rule.Render(strings.Repeat(glyphLine, 20)))
		if r.wrong {
			p.gap()
			p.marked("!", c.bad, "those are not its last eight letters; Esc shows the key again")
		}
		return p.String(), cursor
	}
	p.head("A recovery key?", "A second key to the disk, for the day on which the passphrase is forgotten. Keep it on paper, away from the machine.")
	if r.answers.RecoveryKey != nil {
		p.marked(glyphDone, c.good, "a recovery key will be added to the disk")
		p.add("")
	}
	for _, k := range r.keys() {
		if k.show != keyBack.show {
			p.add(c.key.Render(pad(k.show, 7)) + cut(or(k.long, k.does), c.w-7))
		}
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
		wide = width(r.qr[0])
	}
	if wide == 0 || len(r.qr) > p.left() || p.c.w < wide+24 {
		p.add(text...)
		if p.c.low() {
			p.add("")
			p.para(p.c.dim, "It is typed without the blanks, and not kept anywhere. Who has it can open the disk.")
		}
		return p.String()
	}
	// White on the console's own black: a scanner takes it for paper.
	qr := make([]string, len(r.qr))
	for i, l := range r.qr {
		qr[i] = p.c.strong.Render(l)
	}
	p.add(beside(append(make([]string, len(qr)/2-1), text...), qr, min(p.c.w-wide-2, 36))...)
	return p.String()
}
