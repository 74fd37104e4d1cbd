package secrets

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"
	"filippo.io/age/tag"
	"golang.org/x/crypto/ssh"
)

// The stanza types of age's own recipients (the age specification).
const (
	kindX25519     = "X25519"
	kindHybrid     = "mlkem768x25519"
	kindEd25519    = "ssh-ed25519"
	kindRSA        = "ssh-rsa"
	kindPassphrase = "scrypt"
	kindPlugin     = "" // a plugin's, or a hardware key's: it is not compared
)

// Recipient is a public key of any kind that age knows.
type Recipient struct {
	text   string
	kind   string // type of its stanza
	sshTag string // in the stanzas of an ssh key
	age    age.Recipient
}

// ErrKeyKind is the error of a public key that age cannot encrypt to.
var ErrKeyKind = errors.New("age cannot encrypt to a key of this kind: it knows age1…, ssh-ed25519 and ssh-rsa")

// ParseRecipient reads a public key: age1… (X25519), age1pq1… (hybrid),
// age1tag1… and age1tagpq1… (hardware keys), age1NAME1… (the plugin
// age-plugin-NAME, which must be in PATH to encrypt), ssh-ed25519 or ssh-rsa.
func ParseRecipient(text string) (*Recipient, error) {
	text = strings.TrimSpace(text)
	r := &Recipient{text: text}
	var err error
	switch {
	case strings.HasPrefix(text, "age1pq1"):
		r.kind = kindHybrid
		r.age, err = age.ParseHybridRecipient(text)
	case strings.HasPrefix(text, "age1tag1"), strings.HasPrefix(text, "age1tagpq1"):
		r.kind = kindPlugin
		r.age, err = tag.ParseRecipient(text)
	case strings.HasPrefix(text, "age1") && strings.Count(text, "1") > 1:
		r.kind = kindPlugin
		r.age, err = plugin.NewRecipient(text, noUI)
	case strings.HasPrefix(text, "age1"):
		r.kind = kindX25519
		r.age, err = age.ParseX25519Recipient(text)
	case text == "":
		return nil, malformed("recipient", "it is empty")
	case strings.HasPrefix(text, "AGE-"), strings.Contains(text, "PRIVATE KEY"):
		return nil, malformed("recipient", "it is a private key; name the public one")
	case strings.HasPrefix(text, "ssh-"):
		return parseSSHRecipient(r)
	default:
		return nil, ErrKeyKind
	}
	if err != nil {
		return nil, malformed("recipient", "%v", err)
	}
	return r, nil
}

func parseSSHRecipient(r *Recipient) (*Recipient, error) {
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(r.text))
	if err != nil || len(options) > 0 || len(rest) > 0 {
		return nil, malformed("recipient", "it must be one ssh public key")
	}
	r.kind, r.sshTag = key.Type(), sshTag(key)
	switch r.kind {
	case kindEd25519, kindRSA:
		if r.age, err = agessh.ParseRecipient(r.text); err != nil {
			return nil, malformed("recipient", "%v", err)
		}
		return r, nil
	}
	return nil, ErrKeyKind
}

// noUI refuses a plugin's questions.
var noUI = &plugin.ClientUI{}

// MissingPlugin is the program that encrypts to the recipient, if PATH lacks it; or
// empty.
func (r *Recipient) MissingPlugin() string {
	p, ok := r.age.(*plugin.Recipient)
	if !ok {
		return ""
	}
	program := pluginPrefix + p.Name()
	if _, err := exec.LookPath(program); err == nil {
		return ""
	}
	return program
}

// MissingPlugin is the program that an error says is missing, or empty.
func MissingPlugin(err error) string {
	if e, ok := errors.AsType[*plugin.NotFoundError](err); ok {
		return pluginPrefix + e.Name
	}
	return ""
}

const pluginPrefix = "age-plugin-"

// LooksLikeKey reports whether a string starts as a public key does.
func LooksLikeKey(s string) bool { return strings.HasPrefix(s, "age1") || isSSH(s) }

// isSSH reports whether a text starts as an ssh public key of any kind does.
func isSSH(s string) bool {
	return strings.HasPrefix(s, "ssh-") || strings.HasPrefix(s, "ecdsa-") || strings.HasPrefix(s, "sk-")
}

// sshTag is the tag of an ssh key in a stanza (age specification, ssh recipient
// stanzas).
func sshTag(key ssh.PublicKey) string {
	sum := sha256.Sum256(key.Marshal())
	return base64.RawStdEncoding.EncodeToString(sum[:4])
}

// String is the public key as the user wrote it.
func (r *Recipient) String() string { return r.text }

// ID is the key without the comment of an ssh key.
func (r *Recipient) ID() string {
	if r.sshTag == "" {
		return r.text
	}
	f := strings.Fields(r.text)
	return f[0] + " " + f[1]
}

// Short names the key in a few characters, for the user.
func (r *Recipient) Short() string {
	if f := strings.Fields(r.text); r.sshTag != "" && len(f) > 2 {
		return f[0] + " " + f[2]
	}
	return shorten(r.ID())
}

// ParseRecipients reads public keys and drops duplicates. The error names each bad
// one.
func ParseRecipients(texts []string) ([]*Recipient, error) {
	var list []*Recipient
	var bad []error
	for i, text := range texts {
		r, err := ParseRecipient(text)
		if err != nil {
			bad = append(bad, fmt.Errorf("key %d of %d%s: %w", i+1, len(texts), excerpt(text), err))
		} else if !contains(list, r) {
			list = append(list, r)
		}
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return list, nil
}

func contains(list []*Recipient, r *Recipient) bool {
	return slices.ContainsFunc(list, func(o *Recipient) bool { return o.ID() == r.ID() })
}

// excerpt shows enough of a bad public key to find it. Other text may be a secret,
// and is not shown.
func excerpt(text string) string {
	text = strings.TrimSpace(text)
	if !LooksLikeKey(text) || strings.Contains(text, "PRIVATE") || strings.Contains(text, "SECRET") {
		return ""
	}
	return fmt.Sprintf(", %q", shorten(text))
}

// shorten keeps the ends of a key.
func shorten(text string) string {
	if len(text) <= 24 {
		return text
	}
	return text[:12] + "…" + text[len(text)-8:]
}

// has judges whether a stanza is for the recipient.
func (r *Recipient) has(s *age.Stanza) Verdict {
	switch {
	case r.kind == kindPlugin:
		return Unknown
	case s.Type != r.kind, r.sshTag != "" && (len(s.Args) == 0 || s.Args[0] != r.sshTag):
		return No
	case r.sshTag != "":
		return Yes
	}
	return Unknown
}
