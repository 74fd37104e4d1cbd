package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"filippo.io/age/plugin"
)

var (
	// ErrNeedsPassphrase is the error of a key that only a passphrase opens,
	// when nobody can be asked.
	ErrNeedsPassphrase = errors.New("it is protected by a passphrase")
	// ErrWrongPassphrase is the error of a passphrase that does not open it.
	ErrWrongPassphrase = errors.New("wrong passphrase")
)

// Held is a private key at hand, of any kind that age knows.
type Held struct {
	age.Identity
	opens []string // IDs of the recipients whose files it opens, if they are known
}

// Ask is how the holder of a key is asked for what it needs. Without, such a
// key is not taken.
type Ask struct {
	Passphrase func() ([]byte, error) // what it returns is wiped
	Plugin     *plugin.ClientUI
}

// ParseHeld reads the private keys of a file: age identities, plugin
// identities among them, one a line; those encrypted to a passphrase, as `age
// --passphrase` does; or one ssh key. An ed25519 key of ssh also
// opens what was encrypted to the age key that ssh-to-age makes of it. data is
// left as it is.
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
	h, err := ReadHeader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	for range tries {
		pass, err := ask()
		if err != nil {
			return nil, err
		}
		id, err := age.NewScryptIdentity(string(pass))
		clear(pass)
		if err != nil {
			continue // an empty one
		}
		var in io.Reader = bytes.NewReader(data)
		if h.Armored {
			in = armor.NewReader(in)
		}
		out, err := age.Decrypt(in, id)
		if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
			continue
		}
		if err != nil {
			return nil, malformed("identity file", "%v", err)
		}
		plain := make([]byte, len(data))
		n, err := io.ReadFull(out, plain)
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			clear(plain)
			return nil, malformed("identity file", "it is damaged")
		}
		return plain[:n], nil
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
		return nil, malformed("identity file", "there is no key in it")
	}
	return list, nil
}

func parseHeldLine(line []byte, ask Ask) (*Held, error) {
	const what = "identity file" // the line itself is secret
	text := string(line)
	switch {
	case strings.HasPrefix(text, "AGE-SECRET-KEY-1"):
		id, err := age.ParseX25519Identity(text)
		if err != nil {
			return nil, malformed(what, "its AGE-SECRET-KEY-1 line is damaged")
		}
		return &Held{id, []string{id.Recipient().String()}}, nil
	case strings.HasPrefix(text, "AGE-SECRET-KEY-PQ-1"):
		id, err := age.ParseHybridIdentity(text)
		if err != nil {
			return nil, malformed(what, "its AGE-SECRET-KEY-PQ-1 line is damaged")
		}
		return &Held{id, []string{id.Recipient().String()}}, nil
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

// ErrPublic is the error of a public key where a private one is meant.
var ErrPublic = errors.New("a public key, not the private one")

// publicKey is what kind of a public key a line is, or nil.
func publicKey(line string) error {
	switch first, _, _ := strings.Cut(line, " "); {
	case strings.HasPrefix(first, "age1"):
		return fmt.Errorf("%w: the file with the line AGE-SECRET-KEY-1… or AGE-PLUGIN-… is meant", ErrPublic)
	case strings.HasPrefix(first, "ssh-"), strings.HasPrefix(first, "ecdsa-sha2-"), strings.HasPrefix(first, "sk-"):
		return fmt.Errorf("%w: the file that begins with -----BEGIN OPENSSH PRIVATE KEY----- is meant", ErrPublic)
	case strings.Contains(line, "BEGIN PUBLIC KEY"), strings.Contains(line, "BEGIN RSA PUBLIC KEY"), strings.Contains(line, "BEGIN SSH2 PUBLIC KEY"):
		return ErrPublic
	}
	return nil
}

// firstKey is the first line of a file that is neither blank nor a comment.
func firstKey(data []byte) string {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return string(line[:min(len(line), 64)])
		}
	}
	return ""
}

// Identities are the keys as age takes them.
func Identities(held []*Held) []age.Identity {
	ids := make([]age.Identity, len(held))
	for i, k := range held {
		ids[i] = k.Identity
	}
	return ids
}

// IsPlugin tells whether it is used by a program of its own, age-plugin-NAME.
func (k *Held) IsPlugin() bool {
	_, ok := k.Identity.(*plugin.Identity)
	return ok
}

// Opens tells whether it is the key of this recipient, where that is known.
func (k *Held) Opens(r *Recipient) bool {
	for _, id := range k.opens {
		if id == r.ID() {
			return true
		}
	}
	return false
}
