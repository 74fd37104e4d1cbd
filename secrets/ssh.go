package secrets

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"
	"filippo.io/edwards25519"
	"golang.org/x/crypto/ssh"
)

// ErrSSHKind is the error of an ssh key that is not ed25519: others have no age
// counterpart.
var ErrSSHKind = errors.New("only an ssh-ed25519 key can be turned into an age key")

// FromSSH turns an ed25519 private key of ssh into the age identity that
// ssh-to-age makes of it: the scalar that Ed25519 itself derives from the seed
// (RFC 8032, section 5.1.5). passphrase is called if the key has one, and its
// result wiped. privateKey is kept.
func FromSSH(privateKey []byte, passphrase func() ([]byte, error)) (*Identity, error) {
	key, err := parseSSH(privateKey, passphrase)
	if err != nil {
		return nil, err
	}
	ed, ok := key.(*ed25519.PrivateKey)
	if !ok {
		return nil, ErrSSHKind
	}
	defer clear(*ed)
	return fromEd25519(*ed)
}

func fromEd25519(key ed25519.PrivateKey) (*Identity, error) {
	seed := key.Seed()
	defer clear(seed)
	hash := sha512.Sum512(seed)
	defer clear(hash[:])
	text := bech32Encode("AGE-SECRET-KEY-", hash[:32])
	defer clear(text)
	id, err := age.ParseX25519Identity(string(text))
	if err != nil {
		return nil, fmt.Errorf("turning an ssh key into an age key: %w", err)
	}
	return newIdentity(id, string(text))
}

// tries bounds how often the user is asked for a passphrase.
const tries = 3

// parseSSH reads a private key: of ed25519 a pointer, in both of its formats. The error
// quotes none of it.
func parseSSH(privateKey []byte, passphrase func() ([]byte, error)) (any, error) {
	if err := publicKey(firstKey(privateKey)); err != nil {
		return nil, err
	}
	key, err := ssh.ParseRawPrivateKey(privateKey)
	if _, missing := errors.AsType[*ssh.PassphraseMissingError](err); missing {
		key, err = unlockSSH(privateKey, passphrase)
	} else if err != nil {
		err = malformed("ssh private key", "%v", err)
	}
	if k, ok := key.(ed25519.PrivateKey); ok {
		return &k, err
	}
	return key, err
}

func unlockSSH(privateKey []byte, passphrase func() ([]byte, error)) (any, error) {
	if passphrase == nil {
		return nil, ErrNeedsPassphrase
	}
	for range tries {
		pass, err := passphrase()
		if err != nil {
			return nil, err
		}
		key, err := ssh.ParseRawPrivateKeyWithPassphrase(privateKey, pass)
		clear(pass)
		if err == nil {
			return key, nil
		}
	}
	return nil, ErrWrongPassphrase
}

// RecipientsFromSSH turns the ed25519 public keys of a text into the age recipients
// that ssh-to-age makes of them. The lines may be of authorized_keys, of known_hosts
// as ssh-keyscan prints them, or of a .pub file. Keys of other types are skipped
// and counted. A line that is not a key is an error, and a text without ed25519
// keys is ErrSSHKind.
func RecipientsFromSSH(text []byte) (recipients []string, skipped int, err error) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		r, err := recipientOfLine(line)
		switch {
		case errors.Is(err, ErrSSHKind):
			skipped++
		case err != nil:
			return nil, 0, malformed("ssh public key", "line %d: %v", n, err)
		case !slices.Contains(recipients, r):
			recipients = append(recipients, r)
		}
	}
	switch {
	case len(recipients) > 0:
		return recipients, skipped, nil
	case skipped > 0:
		return nil, skipped, ErrSSHKind
	}
	return nil, 0, malformed("ssh public key", "it has no key")
}

// recipientOfLine reads a line of authorized_keys or known_hosts. A marker says that
// the key is revoked, or an authority's, and not a host's (sshd(8)).
func recipientOfLine(line []byte) (string, error) {
	if line[0] == '@' {
		if _, _, _, _, _, err := ssh.ParseKnownHosts(line); err != nil {
			return "", err
		}
		return "", ErrSSHKind
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		return "", err
	}
	return recipientOfSSH(key)
}

func recipientOfSSH(key ssh.PublicKey) (string, error) {
	c, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return "", ErrSSHKind
	}
	ed, ok := c.CryptoPublicKey().(ed25519.PublicKey)
	if !ok || key.Type() != ssh.KeyAlgoED25519 {
		return "", ErrSSHKind
	}
	p, err := new(edwards25519.Point).SetBytes(ed)
	if err != nil {
		return "", malformed("ssh public key", "it is not a point of the curve")
	}
	key25519, err := ecdh.X25519().NewPublicKey(p.BytesMontgomery())
	if err != nil {
		return "", err
	}
	text, err := plugin.EncodeX25519Recipient(key25519)
	if err != nil {
		return "", err
	}
	// age refuses low-order points.
	if _, err := age.ParseX25519Recipient(text); err != nil {
		return "", malformed("ssh public key", "it has no age counterpart")
	}
	return text, nil
}

// sshIdentity opens files for an ssh key, and for the age key that ssh-to-age makes
// of it. It asks for its passphrase when a file has a stanza that may be for it, at
// most three times.
type sshIdentity struct {
	pem    []byte
	public ssh.PublicKey
	ask    func() ([]byte, error)

	once sync.Once
	ids  []age.Identity
	err  error
}

func newSSHIdentity(pem []byte, ask func() ([]byte, error)) (*sshIdentity, error) {
	s := &sshIdentity{pem: bytes.Clone(pem), ask: ask}
	signer, err := ssh.ParsePrivateKey(pem)
	switch missing, ok := errors.AsType[*ssh.PassphraseMissingError](err); {
	case err == nil:
		s.public = signer.PublicKey()
	case ok && missing.PublicKey != nil:
		s.public = missing.PublicKey
	case ok:
		// The old PEM format encrypts the public key too, so it is opened now.
		if s.open(); s.err != nil {
			return nil, s.err
		}
		return s, nil
	default:
		return nil, malformed("ssh private key", "%v", err)
	}
	switch s.public.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoRSA:
		return s, nil
	}
	return nil, malformed("ssh private key for age", "age knows ssh-ed25519 and ssh-rsa, not %s", s.public.Type())
}

func (s *sshIdentity) open() {
	s.once.Do(func() {
		key, err := parseSSH(s.pem, s.ask)
		if err != nil {
			s.err = err
			return
		}
		signer, err := ssh.NewSignerFromKey(key)
		if err != nil {
			s.err = malformed("ssh private key", "%v", err)
			return
		}
		s.public = signer.PublicKey()
		s.ids, s.err = sshIdentities(key)
		clear(s.pem)
	})
}

// Unwrap implements age.Identity.
func (s *sshIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if !s.mayOpen(stanzas) {
		return nil, age.ErrIncorrectIdentity
	}
	if s.open(); s.err != nil {
		return nil, s.err
	}
	for _, id := range s.ids {
		key, err := id.Unwrap(stanzas)
		if errors.Is(err, age.ErrIncorrectIdentity) {
			continue
		}
		return key, err
	}
	return nil, age.ErrIncorrectIdentity
}

func (s *sshIdentity) mayOpen(stanzas []*age.Stanza) bool {
	if s.public == nil {
		return true
	}
	tag := sshTag(s.public)
	for _, st := range stanzas {
		if st.Type == s.public.Type() && len(st.Args) > 0 && st.Args[0] == tag {
			return true
		}
		if st.Type == kindX25519 && s.public.Type() == ssh.KeyAlgoED25519 {
			return true
		}
	}
	return false
}

// recipients are its public keys.
func (s *sshIdentity) recipients() []string {
	list := []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.public)))}
	if r, err := recipientOfSSH(s.public); err == nil {
		list = append(list, r)
	}
	return list
}

// sshIdentities are the age identities of a private key.
func sshIdentities(key any) ([]age.Identity, error) {
	switch key := key.(type) {
	case *ed25519.PrivateKey:
		id, err := agessh.NewEd25519Identity(*key)
		if err != nil {
			return nil, err
		}
		converted, err := fromEd25519(*key)
		if err != nil {
			return nil, err
		}
		defer converted.file.Wipe()
		return []age.Identity{id, converted.key}, nil
	case *rsa.PrivateKey:
		id, err := agessh.NewRSAIdentity(key)
		if err != nil {
			return nil, err
		}
		return []age.Identity{id}, nil
	}
	return nil, malformed("ssh private key for age", "age knows ssh-ed25519 and ssh-rsa alone")
}
