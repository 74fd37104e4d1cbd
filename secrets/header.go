package secrets

import (
	"io"
	"strings"

	"filippo.io/age"
)

// Header is the part of an encrypted file that can be read without a key. It has
// a stanza for each recipient, with the file's key encrypted to it.
type Header struct {
	Armored bool

	raw     []byte
	stanzas []*age.Stanza
}

// ReadHeader reads the header of an age file, armored or not. age bounds it to
// 2 MiB. The error does not quote the file, as age's does: its first line may be a key.
func ReadHeader(r io.Reader) (*Header, error) {
	h := &Header{}
	in, armored := unarmored(r)
	h.Armored = armored
	var err error
	if h.raw, err = age.ExtractHeader(in); err == nil {
		// age shows the stanzas to identities only.
		_, err = age.DecryptHeader(h.raw, (*looker)(&h.stanzas))
	}
	if err != nil && len(h.stanzas) == 0 {
		return nil, malformed("age file", "it has no header that age can read")
	}
	return h, nil
}

// looker is an identity that keeps the stanzas and opens nothing.
type looker []*age.Stanza

func (l *looker) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	*l = append(*l, stanzas...)
	return nil, age.ErrIncorrectIdentity
}

// CanOpen checks that one of the identities opens the file: it unwraps the file's
// key and authenticates the header with it, and decrypts no content. The error is
// ErrCannotOpen if none fits.
func (h *Header) CanOpen(ids ...age.Identity) error {
	if len(ids) == 0 {
		return ErrCannotOpen
	}
	key, err := age.DecryptHeader(h.raw, ids...)
	clear(key)
	return fits(err)
}

// CanOpen is ReadHeader and Header.CanOpen.
func CanOpen(r io.Reader, ids ...age.Identity) error {
	h, err := ReadHeader(r)
	if err != nil {
		return err
	}
	return h.CanOpen(ids...)
}

// Verdict is an answer that may need a private key.
type Verdict int

// The verdicts. The stanzas of age1… keys carry nothing of the recipient, by
// design: without a private key the answer is Unknown.
const (
	Unknown Verdict = iota
	Yes
	No
)

// OpenableBy judges whether the file has a stanza for a recipient. The stanzas of
// ssh keys show it; for others a private key of the recipient is tried, if one is at
// hand.
func (h *Header) OpenableBy(r *Recipient, held ...*Held) Verdict {
	found := No
	for _, s := range h.stanzas {
		is := r.has(s)
		for _, k := range held {
			if is == Unknown && k.Opens(r) {
				is = k.unwraps(s)
			}
		}
		switch is {
		case Yes:
			return Yes
		case Unknown:
			found = Unknown
		}
	}
	return found
}

// IsFor judges whether the file is encrypted to exactly these recipients, by its
// stanzas and by the private keys at hand.
func (h *Header) IsFor(wanted []*Recipient, held ...*Held) Verdict {
	is, plugins := Yes, false
	for _, r := range wanted {
		switch h.OpenableBy(r, held...) {
		case No:
			return No
		case Unknown:
			is = Unknown
		}
		plugins = plugins || r.kind == kindPlugin
	}
	// Each recipient has one stanza, but a plugin's may have several.
	n := 0
	for _, s := range h.stanzas {
		if !strings.HasSuffix(s.Type, "-grease") { // rage adds them, and no key opens them
			n++
		}
	}
	if h.Lacking(wanted) > 0 || n != len(wanted) && !plugins {
		return No
	}
	for _, k := range held {
		for _, id := range k.opens {
			r, err := ParseRecipient(id)
			if err == nil && !contains(wanted, r) && h.OpenableBy(r, k) == Yes {
				return No
			}
		}
	}
	return is
}

// Lacking counts the recipients that certainly have no stanza. Of a kind whose
// stanzas are anonymous, as many lack one as there are too few.
func (h *Header) Lacking(wanted []*Recipient) (n int) {
	count := map[string]int{}
	for _, s := range h.stanzas {
		count[s.Type]++
	}
	for _, r := range wanted {
		if r.kind == kindX25519 || r.kind == kindHybrid {
			if count[r.kind]--; count[r.kind] < 0 {
				n++
			}
		} else if h.OpenableBy(r) == No {
			n++
		}
	}
	return n
}
