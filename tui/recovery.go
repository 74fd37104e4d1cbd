package tui

import (
	"bytes"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// recovery offers a recovery key: a second keyslot, for a forgotten passphrase.
type recovery struct {
	*session
	stage recoveryStage
	shown []byte // the key, while it is on the screen
	qr    []string
	typed field
	wrong bool
	fresh func() []byte // makes a key
}

type recoveryStage int

const (
	recoveryOffer recoveryStage = iota
	recoveryShow
	recoveryConfirm
)

func (r *recovery) typing() bool { return r.stage == recoveryConfirm }

func (r *recovery) skip() bool { return r.chosen && (!r.host().LUKS.Enable || r.reopens()) }

func (r *recovery) enter() tea.Cmd {
	r.hide()
	r.stage, r.wrong = recoveryOffer, false
	return nil
}

func (r *recovery) key(msg tea.KeyPressMsg) (tea.Cmd, state) {
	switch r.stage {
	case recoveryOffer:
		return nil, r.offer(msg)
	case recoveryShow:
		switch {
		case keyWritten.is(msg):
			r.stage = recoveryConfirm
			r.typed.wipe()
		case keyBack.is(msg):
			r.forget()
			r.stage = recoveryOffer
		}
	case recoveryConfirm:
		return nil, r.confirm(msg)
	}
	return nil, stay
}

func (r *recovery) offer(msg tea.KeyPressMsg) state {
	switch {
	case keyBack.is(msg):
		return back
	case keyNext.is(msg):
		return next
	case keyDrop.is(msg) && r.answers.RecoveryKey != nil:
		r.forget()
		return next
	case keyMake.is(msg):
		r.forget()
		r.shown = r.fresh()
		r.qr = qrCode(r.shown)
		r.stage = recoveryShow
	}
	return stay
}

// groupLen is how many letters of the key are shown together.
const groupLen = 4

// keyEnd is the part of the key that must be typed: its last eight letters.
func keyEnd(key []byte) []byte { return key[len(key)-2*groupLen:] }

// keyGroups is a part of the key, with a blank between the groups.
func keyGroups(key []byte) string {
	var groups []string
	for g := range slices.Chunk(key, groupLen) {
		groups = append(groups, string(g))
	}
	return strings.Join(groups, " ")
}

func (r *recovery) confirm(msg tea.KeyPressMsg) state {
	switch {
	case keyBack.is(msg):
		r.stage = recoveryShow
	case keyCheck.is(msg):
		if !bytes.EqualFold(r.typed.bytes(), keyEnd(r.shown)) {
			r.wrong = true
			r.typed.wipe()
			return stay
		}
		r.answers.RecoveryKey = slices.Clone(r.shown)
		r.hide()
		return next
	case r.typed.key(msg):
		r.wrong = false
	}
	return stay
}

// hide wipes what was shown and typed.
func (r *recovery) hide() {
	clear(r.shown)
	r.shown, r.qr = nil, nil
	r.typed.wipe()
}

// forget wipes the key as well.
func (r *recovery) forget() {
	r.hide()
	clear(r.answers.RecoveryKey)
	r.answers.RecoveryKey = nil
}

func (r *recovery) view(p *page) *tea.Cursor {
	c := p.c
	switch r.stage {
	case recoveryShow:
		r.viewKey(p)
		return nil
	case recoveryConfirm:
		p.head("Type the last eight letters of the key", "This proves that you wrote it down. The key is not shown again.")
		cursor := p.field("last eight", &r.typed, true, true)
		if r.wrong {
			p.gap()
			p.marked("!", c.bad, "these are not the last eight letters; Esc shows the key again")
		}
		return cursor
	}
	p.head("Make a recovery key?",
		"A recovery key is a second key to the disk, in case the passphrase is forgotten. Keep it on paper, away from the machine.")
	if r.answers.RecoveryKey != nil {
		p.marked(glyphDone, c.good, "a recovery key will be added to the disk")
		p.add("")
	}
	for _, k := range r.keys() {
		if h := k.Help(); h.Key != keyBack.Help().Key {
			p.add(c.key(pad(h.Key, 7)) + cut(or(k.long, h.Desc), c.w-7))
		}
	}
	return nil
}

// viewKey shows the key, with its QR code beside it if there is room.
func (r *recovery) viewKey(p *page) {
	p.head("Write this down",
		"Type it without the blanks. Its letters are on the same keys of most keyboards. It opens the disk, and the installer keeps no copy.")
	var text []string
	for half := range slices.Chunk(r.shown, len(r.shown)/2) {
		text = append(text, p.c.strong(keyGroups(half)))
	}
	wide := 0
	if len(r.qr) > 0 {
		wide = width(r.qr[0])
	}
	if wide == 0 || len(r.qr) > p.left() || p.c.w < wide+24 {
		p.add(text...)
		if p.c.low() {
			p.add("")
			p.para(p.c.dim, "Type it without the blanks. It opens the disk; the installer keeps no copy.")
		}
		return
	}
	// White on the console's black: a scanner reads the white as paper.
	qr := make([]string, len(r.qr))
	for i, l := range r.qr {
		qr[i] = p.c.strong(l)
	}
	for i, l := range text {
		text[i] = pad(l, min(p.c.w-wide-2, 36))
	}
	p.add(beside(lipgloss.Center, text, qr)...)
}
