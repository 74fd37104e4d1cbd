package secrets

import (
	"bytes"
	"fmt"
	"time"

	"filippo.io/age"
)

// Identity is a machine's private key: an age identity file, as age-keygen
// writes it, with exactly one native key in it. Wipe it after use.
type Identity struct {
	// Created is when the key was made, zero if the file does not say.
	Created time.Time

	file      *Buffer
	key       age.Identity
	recipient string
}

// maxIdentity bounds an identity file, in bytes: a hybrid key with its
// comments takes some 2200.
const maxIdentity = 64 << 10

// NewIdentity makes a new X25519 identity.
func NewIdentity() (*Identity, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	return newIdentity(key, key.Recipient().String(), key.String(), time.Now())
}

func newIdentity(key age.Identity, recipient, secret string, created time.Time) (*Identity, error) {
	data := fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n", created.Format(time.RFC3339), recipient, secret)
	file, err := NewBuffer(data)
	if err != nil {
		return nil, err
	}
	return &Identity{Created: created.Truncate(time.Second), file: file, key: key, recipient: recipient}, nil
}

const (
	createdComment   = "# created: "
	recipientComment = "# public key: "
)

// ParseIdentity reads an identity file with one key, X25519 or hybrid. Its
// comments are kept; one that names another public key is an error. data is
// left as it is.
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
		return nil, malformed(what, "it must have exactly one AGE-SECRET-KEY- line, and comments")
	}
	id := &Identity{key: keys[0]}
	switch key := keys[0].(type) {
	case *age.X25519Identity:
		id.recipient = key.Recipient().String()
	case *age.HybridIdentity:
		id.recipient = key.Recipient().String()
	default:
		return nil, malformed(what, "it has a key of a kind that has no public key")
	}
	for line := range bytes.Lines(data) {
		line = bytes.TrimRight(line, "\r\n")
		if text, ok := bytes.CutPrefix(line, []byte(createdComment)); ok {
			if t, err := time.Parse(time.RFC3339, string(text)); err == nil {
				id.Created = t
			}
		}
		if text, ok := bytes.CutPrefix(line, []byte(recipientComment)); ok && string(text) != id.recipient {
			return nil, malformed(what, "its comment names another public key than its own, %s", id.recipient)
		}
	}
	if id.file, err = NewBuffer(bytes.Clone(data)); err != nil {
		return nil, err
	}
	return id, nil
}

// Recipient is the public key, age1….
func (id *Identity) Recipient() string { return id.recipient }

// File is the identity file, valid until Wipe.
func (id *Identity) File() []byte { return id.file.Bytes() }

// Age is the identity as age takes it.
func (id *Identity) Age() age.Identity { return id.key }

// Unlocked is why the memory of the file may be written to swap, nil if it
// cannot be.
func (id *Identity) Unlocked() error { return id.file.Unlocked() }

// Wipe forgets the key.
func (id *Identity) Wipe() {
	if id != nil {
		id.file.Wipe()
		id.key = nil
	}
}

// String is the public key: a print of an identity tells no secret.
func (id *Identity) String() string { return "identity of " + id.recipient }

// GoString is String.
func (id *Identity) GoString() string { return id.String() }
