package secrets

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Header is what an encrypted file tells without any key: for each of its
// recipients a stanza, which holds the file's key encrypted to it.
type Header struct {
	Armored bool

	raw     []byte
	stanzas []*age.Stanza
}

// ReadHeader reads the header of an .age file, armored or not, and nothing of
// what follows it but some buffered bytes. age bounds it to 2 MiB.
func ReadHeader(r io.Reader) (*Header, error) {
	const what = "age file"
	h := &Header{}
	in := bufio.NewReader(r)
	var src io.Reader = in
	if isArmored(in) {
		h.Armored, src = true, armor.NewReader(in)
	}
	var err error
	if h.raw, err = age.ExtractHeader(src); err != nil {
		return nil, malformed(what, "%v", err)
	}
	// age shows the stanzas to an identity alone.
	if _, err := age.DecryptHeader(h.raw, (*looker)(&h.stanzas)); err != nil && len(h.stanzas) == 0 {
		return nil, malformed(what, "%v", err)
	}
	return h, nil
}

// isArmored looks past white space for the armor's first line, as age does.
func isArmored(in *bufio.Reader) bool {
	start, _ := in.Peek(in.Size()) // what there is
	return bytes.HasPrefix(bytes.TrimLeft(start, " \t\r\n"), []byte(armor.Header))
}

// looker is an identity that opens nothing and keeps what it is shown.
type looker []*age.Stanza

func (l *looker) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	*l = append(*l, stanzas...)
	return nil, age.ErrIncorrectIdentity
}

// ErrCannotOpen is the error of a file that none of the identities opens.
var ErrCannotOpen = errors.New("none of the given identities opens it")

// CanOpen tells whether one of the identities opens the file: its key is
// unwrapped and the header authenticated with it; the content is not decrypted.
// The error is ErrCannotOpen if none fits.
func (h *Header) CanOpen(ids ...age.Identity) error {
	if len(ids) == 0 {
		return ErrCannotOpen
	}
	key, err := age.DecryptHeader(h.raw, ids...)
	clear(key)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return ErrCannotOpen
	}
	return err
}

// CanOpen is ReadHeader and Header.CanOpen.
func CanOpen(r io.Reader, ids ...age.Identity) error {
	h, err := ReadHeader(r)
	if err != nil {
		return err
	}
	return h.CanOpen(ids...)
}

// Verdict is what can be said without a private key.
type Verdict int

// The verdicts. Unknown is what the stanzas do not tell: those of age1… keys
// carry nothing of the recipient, by design.
const (
	Unknown Verdict = iota
	Yes
	No
)

func (v Verdict) String() string { return [...]string{"unknown", "yes", "no"}[v] }

func verdict(yes bool) Verdict {
	if yes {
		return Yes
	}
	return No
}

// OpenableBy judges by the stanzas whether a recipient's holder can open the
// file. ssh and tagged keys are recognised by their tag; for others, No is
// certain and there is no Yes.
func (h *Header) OpenableBy(r *Recipient) Verdict {
	found := No
	for _, s := range h.stanzas {
		switch r.has(s) {
		case Yes:
			return Yes
		case Unknown:
			found = Unknown
		}
	}
	return found
}

// IsFor judges whether the file is encrypted to exactly these recipients, by
// its stanzas and with the private keys that are at hand. Yes and No are
// certain.
func (h *Header) IsFor(wanted []*Recipient, held ...*Held) Verdict {
	anonymous := map[string]int{} // by kind: wanted, less those that there are
	plugins := false
	for _, r := range wanted {
		switch {
		case r.kind == kindPlugin:
			plugins = true
		case r.sshTag == "" && r.tag == nil:
			anonymous[r.kind]++
		case h.OpenableBy(r) == No:
			return No
		}
	}
	for _, s := range h.stanzas {
		if strings.HasSuffix(s.Type, "-grease") { // rage adds them, for nobody
			continue
		}
		if s.Type == kindX25519 || s.Type == kindHybrid {
			anonymous[s.Type]--
		} else if !plugins && !wants(wanted, s) {
			return No
		}
	}
	open := 0 // stanzas that tell nothing
	for _, r := range wanted {
		if r.kind == kindX25519 || r.kind == kindHybrid {
			open++
		}
	}
	for _, missing := range anonymous {
		if missing > 0 || missing < 0 && !plugins {
			return No
		}
	}
	for _, k := range held {
		for _, id := range k.opens {
			r, err := ParseRecipient(id)
			if err != nil {
				continue
			}
			n := h.Opened(k, r)
			isWanted := has(wanted, id)
			switch {
			case n == Unknown:
			case isWanted != (n == Yes):
				return No
			case isWanted && !strings.HasPrefix(id, "ssh-"):
				open--
			}
		}
	}
	if open > 0 || plugins {
		return Unknown
	}
	return Yes
}

// Opened tries whether a private key opens a stanza that is for its public key
// r. Unknown is the answer of a key that cannot be used now.
func (h *Header) Opened(k *Held, r *Recipient) Verdict {
	for _, s := range h.stanzas {
		switch r.has(s) {
		case Yes:
			return Yes
		case Unknown:
			key, err := k.Unwrap([]*age.Stanza{s})
			clear(key)
			if err == nil {
				return Yes
			}
			if !errors.Is(err, age.ErrIncorrectIdentity) {
				return Unknown
			}
		}
	}
	return No
}

func wants(wanted []*Recipient, s *age.Stanza) bool {
	for _, r := range wanted {
		if r.has(s) == Yes {
			return true
		}
	}
	return false
}

func has(wanted []*Recipient, id string) bool {
	for _, r := range wanted {
		if r.ID() == id {
			return true
		}
	}
	return false
}

// Lacking is how many of the recipients surely have no stanza: by kind, as
// many as there are too few.
func (h *Header) Lacking(wanted []*Recipient) int {
	count := map[string]int{}
	for _, s := range h.stanzas {
		count[s.Type]++
	}
	lacking := 0
	for _, r := range wanted {
		switch r.kind {
		case kindX25519, kindHybrid:
			if count[r.kind]--; count[r.kind] < 0 {
				lacking++
			}
		default:
			if h.OpenableBy(r) == No {
				lacking++
			}
		}
	}
	return lacking
}
