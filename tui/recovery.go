package tui

import (
	"bytes"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
)

// recovery offers a recovery key: a second keyslot, for a forgotten passphrase.
type recovery struct {
	*session
	stage recoveryStage
	shown []byte // the key, while it is on the screen
	qr    []string
	typed field
	fresh func() []byte // makes a key
}

type recoveryStage int

const (
	recoveryOffer recoveryStage = iota
	recoveryShow
	recoveryConfirm
)

func (r *recovery) input() *field {
	if r.stage == recoveryConfirm {
		return &r.typed
	}
	return nil
}

func (r *recovery) skip() bool { return r.chosen && (!r.host().LUKS.Enable || r.reopens()) }

func (r *recovery) enter() {
	r.hide()
	r.stage = recoveryOffer
}

func (r *recovery) keys() []binding {
	switch {
	case r.stage == recoveryShow:
		return []binding{
			bind("Enter", "I have written it down", "enter").does(func() {
				r.typed.wipe()
				r.stage, r.note = recoveryConfirm, note{}
			}),
			keyBack.explained("drop this recovery key").does(func() {
				r.forget()
				r.stage = recoveryOffer
			}),
		}
	case r.stage == recoveryConfirm:
		return []binding{
			bind("Enter", "check", "enter").explained("check what you typed").does(r.check), keyErase,
			keyBack.explained("show the recovery key again").does(func() { r.stage = recoveryShow }),
		}
	case r.answers.RecoveryKey != nil:
		return []binding{
			bind("Enter", "keep it", "enter").explained("go on with this recovery key").goes(next),
			bind("m", "make another", "m").explained("drop this recovery key and make another").does(r.make),
			bind("x", "go without", "x").explained("drop this recovery key and go on without").does(r.forget).goes(next),
			keyBack,
		}
	}
	return []binding{
		bind("m", "make one", "m").explained("make one; it is shown once, as text and as a QR code").does(r.make),
		bind("Enter", "go on without", "enter").explained("go on without a recovery key").goes(next),
		keyBack,
	}
}

func (r *recovery) make() {
	r.forget()
	r.shown = r.fresh()
	r.qr = qrCode(r.shown)
	r.stage = recoveryShow
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

// check takes the key, if its end was typed.
func (r *recovery) check() {
	if !bytes.EqualFold(r.typed.bytes(), keyEnd(r.shown)) {
		r.typed.wipe()
		r.note.refuse("these are not the last eight letters; Esc shows the key again")
		return
	}
	r.answers.RecoveryKey = slices.Clone(r.shown)
	r.hide()
	r.goTo(next)
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

func (r *recovery) view(p *page) {
	switch r.stage {
	case recoveryShow:
		r.viewKey(p)
		return
	case recoveryConfirm:
		p.head("Type the last eight letters of the key", "This proves that you wrote it down. The key is not shown again.")
		p.field("last eight", &r.typed, true, true)
		p.gap()
		p.refused(r.note)
		return
	}
	p.head("Make a recovery key?",
		"A recovery key is a second key to the disk, in case the passphrase is forgotten. Keep it on paper, away from the machine.")
	if r.answers.RecoveryKey != nil {
		p.marked(glyphDone, p.good, "a recovery key will be added to the disk")
		p.add("")
	}
	keys := r.keys()
	p.keys(keys[:len(keys)-1], 7) // without Esc
}

// viewKey shows the key, with its QR code beside it if there is room.
func (r *recovery) viewKey(p *page) {
	p.head("Write this down",
		"Type it without the blanks. Its letters are on the same keys of most keyboards. It opens the disk, and the installer keeps no copy.")
	var text []string
	for half := range slices.Chunk(r.shown, len(r.shown)/2) {
		text = append(text, p.strong(keyGroups(half)))
	}
	wide := 0
	if len(r.qr) > 0 {
		wide = width(r.qr[0])
	}
	if wide == 0 || len(r.qr) > p.left() || p.w < wide+24 {
		p.add(text...)
		if p.low() {
			p.add("")
			p.para(p.dim, "Type it without the blanks. It opens the disk; the installer keeps no copy.")
		}
		return
	}
	// White on the console's black: a scanner reads the white as paper.
	qr := make([]string, len(r.qr))
	for i, l := range r.qr {
		qr[i] = p.strong(l)
	}
	for i, l := range text {
		text[i] = pad(l, min(p.w-wide-2, 36))
	}
	p.add(beside(lipgloss.Center, text, qr)...)
}
