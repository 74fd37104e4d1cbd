package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Bundle is what a new machine needs to be let in: its own age identity and
// the deploy key of the config repo. Wipe it after use.
type Bundle struct {
	Host      string
	Identity  *Identity
	DeployKey *Buffer // OpenSSH private key file; nil: none
}

// Wipe forgets the keys.
func (b *Bundle) Wipe() {
	if b != nil {
		b.Identity.Wipe()
		b.DeployKey.Wipe()
	}
}

// String names the host alone.
func (b *Bundle) String() string { return "bundle of " + b.Host }

// GoString is String.
func (b *Bundle) GoString() string { return b.String() }

const (
	bundleVersion = "auto-installer bundle 1"
	// maxBundle bounds a bundle's content, in bytes.
	maxBundle = 256 << 10
	// maxSealed bounds a sealed bundle, in bytes: age's header may be larger
	// than the content.
	maxSealed = 4 << 20
	// scryptWork is the work factor that age itself uses, as a power of two:
	// about a second and 256 MiB. A bundle that asks for more is refused, so
	// that opening it does not exhaust a small machine.
	scryptWork = 18
)

// sealWork is scryptWork but for tests.
var sealWork = scryptWork

// Seal encrypts a bundle to a passphrase, to recipients, or to both: then the
// file holds it twice, for age does not mix a passphrase with anything else
// (age specification, scrypt recipient stanza). age opens each of the armored
// blocks by itself. passphrase is left as it is.
func Seal(b *Bundle, passphrase []byte, recipients ...*Recipient) ([]byte, error) {
	if len(passphrase) == 0 && len(recipients) == 0 {
		return nil, errors.New("a bundle needs a passphrase or a recipient")
	}
	plain, err := b.encode()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	var out bytes.Buffer
	if len(passphrase) > 0 {
		r, err := age.NewScryptRecipient(string(passphrase))
		if err != nil {
			return nil, err
		}
		r.SetWorkFactor(sealWork)
		if err := sealBlock(&out, plain, r); err != nil {
			return nil, err
		}
	}
	if len(recipients) > 0 {
		list := make([]age.Recipient, len(recipients))
		for i, r := range recipients {
			list[i] = r.Age()
		}
		if err := sealBlock(&out, plain, list...); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func sealBlock(out io.Writer, plain []byte, to ...age.Recipient) error {
	a := armor.NewWriter(out)
	w, err := age.Encrypt(a, to...)
	if err != nil {
		return fmt.Errorf("sealing a bundle: %w", err)
	}
	_, err = w.Write(plain)
	return errors.Join(err, w.Close(), a.Close())
}

// Sealed is a sealed bundle, not opened yet.
type Sealed struct {
	passphrase []byte // the block for it, nil if there is none
	recipients []byte
}

// ParseSealed reads a sealed bundle as far as that goes without a key.
func ParseSealed(data []byte) (*Sealed, error) {
	const what = "sealed bundle"
	if len(data) > maxSealed {
		return nil, malformed(what, "it is larger than %d MiB", maxSealed>>20)
	}
	blocks, err := armoredBlocks(data)
	if err != nil {
		return nil, err
	}
	s := &Sealed{}
	for _, block := range blocks {
		h, err := ReadHeader(bytes.NewReader(block))
		if err != nil {
			return nil, malformed(what, "%v", err)
		}
		into := &s.recipients
		if len(h.stanzas) == 1 && h.stanzas[0].Type == kindPassphrase {
			into = &s.passphrase
		}
		if *into != nil {
			return nil, malformed(what, "it has two blocks of one kind")
		}
		*into = block
	}
	return s, nil
}

// armoredBlocks splits a file into its one or two armored blocks.
func armoredBlocks(data []byte) ([][]byte, error) {
	const what = "sealed bundle"
	var blocks [][]byte
	for rest := bytes.TrimSpace(data); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		if !bytes.HasPrefix(rest, []byte(armor.Header)) {
			return nil, malformed(what, "it is not armored, or something stands beside its blocks")
		}
		end := bytes.Index(rest, []byte(armor.Footer))
		if end < 0 {
			return nil, malformed(what, "it is cut off")
		}
		if len(blocks) == 2 {
			return nil, malformed(what, "it has more than two blocks")
		}
		end += len(armor.Footer)
		blocks, rest = append(blocks, rest[:end]), rest[end:]
	}
	if len(blocks) == 0 {
		return nil, malformed(what, "it is empty")
	}
	return blocks, nil
}

// HasPassphrase tells whether a passphrase opens it.
func (s *Sealed) HasPassphrase() bool { return s.passphrase != nil }

// HasRecipients tells whether there are identities that open it.
func (s *Sealed) HasRecipients() bool { return s.recipients != nil }

// ErrNoPassphrase is the error of a bundle that is sealed to recipients alone.
var ErrNoPassphrase = errors.New("no passphrase opens this bundle: it is sealed to recipients alone")

// OpenWithPassphrase opens it, which takes about a second. The error is
// ErrWrongPassphrase if it is the wrong one. passphrase is left as it is; age
// makes a copy of it that lives until its memory is used again.
func (s *Sealed) OpenWithPassphrase(passphrase []byte) (*Bundle, error) {
	if s.passphrase == nil {
		return nil, ErrNoPassphrase
	}
	if len(passphrase) == 0 {
		return nil, ErrWrongPassphrase
	}
	id, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(scryptWork)
	b, err := openBlock(s.passphrase, id)
	if errors.Is(err, ErrCannotOpen) {
		return nil, ErrWrongPassphrase
	}
	return b, err
}

// OpenWithIdentities opens it. The error is ErrCannotOpen if no identity fits.
func (s *Sealed) OpenWithIdentities(ids ...age.Identity) (*Bundle, error) {
	if s.recipients == nil || len(ids) == 0 {
		return nil, ErrCannotOpen
	}
	return openBlock(s.recipients, ids...)
}

func openBlock(block []byte, ids ...age.Identity) (*Bundle, error) {
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(block)), ids...)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, ErrCannotOpen
	}
	if err != nil {
		return nil, malformed("sealed bundle", "%v", err)
	}
	plain := make([]byte, maxBundle+1)
	defer clear(plain)
	n, err := io.ReadFull(r, plain)
	switch {
	case err == nil:
		return nil, malformed("bundle", "it holds more than %d KiB", maxBundle>>10)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, malformed("sealed bundle", "it is damaged: %v", err)
	}
	return decodeBundle(plain[:n])
}
