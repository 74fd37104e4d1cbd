package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"filippo.io/age/plugin"
)

var (
	// ErrNeedsPassphrase is the error of a key with a passphrase, where the user
	// cannot be asked.
	ErrNeedsPassphrase = errors.New("it is protected by a passphrase")
	// ErrWrongPassphrase is the error of a passphrase that does not open a key.
	ErrWrongPassphrase = errors.New("wrong passphrase")
)

// Held is a private key at hand, of any kind that age knows.
type Held struct {
	age.Identity
	opens []string // IDs of its public keys, if they are known
}

// Ask asks the user for what a key needs. A key that needs it is refused if the
// function is nil.
type Ask struct {
	Passphrase func() ([]byte, error) // the caller wipes the result
	Plugin     *plugin.ClientUI
}

// ParseHeld reads the private keys of a file: age identities and plugin identities,
// one a line; the same encrypted to a passphrase, as `age --passphrase` does; or
// one ssh key. An ed25519 key of ssh also opens files for the age key that
// ssh-to-age makes of it. data is kept.
func ParseHeld(data []byte, ask Ask) ([]*Held, error) {
	start := bytes.TrimLeft(data, " \t\r\n")
	if bytes.HasPrefix(start, []byte("age-encryption.org/")) || bytes.HasPrefix(start, []byte(armor.Header)) {
		plain, err := decryptHeld(data, ask.Passphrase)
		if err != nil {
			return nil, err
		}
		defer clear(plain)
		return parseHeldLines(plain, ask)
	}
	if err := publicKey(firstKey(data)); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(start, []byte("-----BEGIN ")) {
		id, err := newSSHIdentity(data, ask.Passphrase)
		if err != nil {
			return nil, err
		}
		return []*Held{{id, id.recipients()}}, nil
	}
	return parseHeldLines(data, ask)
}

// decryptHeld opens an identity file that is encrypted to a passphrase.
func decryptHeld(data []byte, ask func() ([]byte, error)) ([]byte, error) {
	if ask == nil {
		return nil, ErrNeedsPassphrase
	}
	for range tries {
		pass, err := ask()
		if err != nil {
			return nil, err
		}
		id, err := age.NewScryptIdentity(string(pass))
		clear(pass)
		if err != nil {
			continue // it is empty
		}
		plain, err := Decrypt(data, id)
		if errors.Is(err, ErrCannotOpen) {
			continue
		}
		if err != nil {
			return nil, malformed("identity file", "%v", err)
		}
		return plain, nil
	}
	return nil, ErrWrongPassphrase
}

func parseHeldLines(data []byte, ask Ask) ([]*Held, error) {
	var list []*Held
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		k, err := parseHeldLine(line, ask)
		if err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	if len(list) == 0 {
		return nil, malformed("identity file", "it has no key")
	}
	return list, nil
}

// parseHeldLine reads one key. The error does not quote the line.
func parseHeldLine(line []byte, ask Ask) (*Held, error) {
	const what = "identity file"
	text := string(line)
	switch {
	case strings.HasPrefix(text, "AGE-SECRET-KEY-"):
		ids, err := age.ParseIdentities(bytes.NewReader(line))
		if err != nil {
			return nil, malformed(what, "its AGE-SECRET-KEY- line is damaged")
		}
		return &Held{ids[0], []string{publicOf(ids[0])}}, nil
	case strings.HasPrefix(text, "AGE-PLUGIN-"):
		ui := ask.Plugin
		if ui == nil {
			ui = noUI
		}
		id, err := plugin.NewIdentity(text, ui)
		if err != nil {
			return nil, malformed(what, "its AGE-PLUGIN- line is damaged")
		}
		return &Held{Identity: id}, nil
	}
	if err := publicKey(text); err != nil { // after a private one
		return nil, err
	}
	return nil, malformed(what, "a line is neither a comment nor an age key")
}

// ErrPublic is the error of a public key in the place of a private one.
var ErrPublic = errors.New("a public key, not the private one")

// publicKey is an error if a line is a public key.
func publicKey(line string) error {
	switch {
	case strings.HasPrefix(line, "age1"):
		return fmt.Errorf("%w: name the file with the line AGE-SECRET-KEY-1… or AGE-PLUGIN-…", ErrPublic)
	case isSSH(line):
		return fmt.Errorf("%w: name the file that begins with -----BEGIN OPENSSH PRIVATE KEY-----", ErrPublic)
	case strings.Contains(line, "BEGIN PUBLIC KEY"), strings.Contains(line, "BEGIN RSA PUBLIC KEY"),
		strings.Contains(line, "BEGIN SSH2 PUBLIC KEY"):
		return ErrPublic
	}
	return nil
}

// firstKey is the start of a file's first line that is neither blank nor a comment.
func firstKey(data []byte) string {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return string(line[:min(len(line), 64)])
		}
	}
	return ""
}

// Opens reports whether r is known to be its public key.
func (k *Held) Opens(r *Recipient) bool { return slices.Contains(k.opens, r.ID()) }

// unwraps tries the key on a stanza. A key that cannot be used now is Unknown.
func (k *Held) unwraps(s *age.Stanza) Verdict {
	key, err := k.Unwrap([]*age.Stanza{s})
	clear(key)
	switch {
	case err == nil:
		return Yes
	case errors.Is(err, age.ErrIncorrectIdentity):
		return No
	}
	return Unknown
}
