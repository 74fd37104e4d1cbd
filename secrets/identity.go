package secrets

import (
	"bytes"
	"fmt"
	"time"

	"filippo.io/age"
)

// Identity is a machine's age identity: a file with one key, as age-keygen writes
// it. Wipe it after use.
type Identity struct {
	file      *Buffer
	key       age.Identity
	recipient string
}

// maxIdentity bounds an identity file, in bytes. A hybrid key with its comments
// takes some 2200.
const maxIdentity = 64 << 10

// NewIdentity makes a new X25519 identity.
func NewIdentity() (*Identity, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	return newIdentity(key, key.String())
}

const recipientComment = "# public key: "

func newIdentity(key *age.X25519Identity, secret string) (*Identity, error) {
	recipient := key.Recipient().String()
	file, err := NewBuffer(fmt.Appendf(nil, "# created: %s\n%s%s\n%s\n", time.Now().Format(time.RFC3339), recipientComment, recipient, secret))
	if err != nil {
		return nil, err
	}
	return &Identity{file: file, key: key, recipient: recipient}, nil
}

// ParseIdentity reads an identity file with one key, X25519 or hybrid, and keeps
// its comments. One that names another public key is an error. data is kept.
func ParseIdentity(data []byte) (*Identity, error) {
	const what = "age identity file"
	if len(data) > maxIdentity {
		return nil, malformed(what, "it is more than %d bytes long", maxIdentity)
	}
	if err := publicKey(firstKey(data)); err != nil {
		return nil, err
	}
	keys, err := age.ParseIdentities(bytes.NewReader(data))
	if err != nil || len(keys) != 1 {
		return nil, malformed(what, "it must have one AGE-SECRET-KEY- line, and comments")
	}
	id := &Identity{key: keys[0], recipient: publicOf(keys[0])}
	for line := range bytes.Lines(data) {
		line = bytes.TrimRight(line, "\r\n")
		if text, ok := bytes.CutPrefix(line, []byte(recipientComment)); ok && string(text) != id.recipient {
			return nil, malformed(what, "its comment names another public key; its own is %s", id.recipient)
		}
	}
	if id.file, err = NewBuffer(bytes.Clone(data)); err != nil {
		return nil, err
	}
	return id, nil
}

// publicOf is the public key of a key that age.ParseIdentities reads.
func publicOf(key age.Identity) string {
	if hybrid, ok := key.(*age.HybridIdentity); ok {
		return hybrid.Recipient().String()
	}
	return key.(*age.X25519Identity).Recipient().String()
}

// Recipient is the public key, age1….
func (id *Identity) Recipient() string { return id.recipient }

// File is the identity file, valid until Wipe.
func (id *Identity) File() []byte { return id.file.Bytes() }

// Age is the identity as age takes it.
func (id *Identity) Age() age.Identity { return id.key }

// Wipe zeroes the file.
func (id *Identity) Wipe() {
	if id != nil {
		id.file.Wipe()
		id.key = nil
	}
}
