package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"filippo.io/age"
)

// Bundle holds a new machine's keys: its age identity and the deploy key of the
// config repo. Sealed, it is the host's bundle.age. Wipe it after use.
type Bundle struct {
	Host      string
	Identity  *Identity
	DeployKey *Buffer // OpenSSH private key file, or nil
}

// Wipe zeroes the keys.
func (b *Bundle) Wipe() {
	if b != nil {
		b.Identity.Wipe()
		b.DeployKey.Wipe()
	}
}

const (
	bundleVersion = "auto-installer bundle 1"
	// scryptWork is age's own work factor, as a power of two: about a second and
	// 256 MiB. Sealed keys that ask for more are refused: opening them could
	// exhaust a small machine.
	scryptWork = 18
)

// sealWork is scryptWork, except in tests.
var sealWork = scryptWork

// Seal encrypts a bundle with a passphrase, which is kept.
func Seal(b *Bundle, passphrase []byte) ([]byte, error) {
	plain, err := b.encode()
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(sealWork)
	return Encrypt(plain, true, r)
}

// Open decrypts sealed keys, which takes about a second. The error is
// ErrWrongPassphrase if it is the wrong one. passphrase is kept; age makes a copy
// of it, which nothing wipes.
func Open(sealed, passphrase []byte) (*Bundle, error) {
	h, err := ReadHeader(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	if len(h.stanzas) != 1 || h.stanzas[0].Type != kindPassphrase {
		return nil, malformed("sealed bundle", "no passphrase opens it")
	}
	if len(passphrase) == 0 {
		return nil, ErrWrongPassphrase
	}
	id, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(scryptWork)
	b, err := open(sealed, id)
	if errors.Is(err, ErrCannotOpen) {
		return nil, ErrWrongPassphrase
	}
	return b, err
}

func open(sealed []byte, id age.Identity) (*Bundle, error) {
	plain, err := Decrypt(sealed, id)
	defer clear(plain)
	switch {
	case errors.Is(err, ErrCannotOpen):
		return nil, err
	case err != nil:
		return nil, malformed("sealed bundle", "%v", err)
	}
	return decodeBundle(plain)
}

// A bundle's content starts with its version and the host. Each key follows a line
// with its name and its length in bytes.
//
//	auto-installer bundle 1
//	host demo
//	identity 189
//	# created: …
//	deploy-key 399
//	-----BEGIN OPENSSH PRIVATE KEY-----…
//	end

var hostName = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62}$`)

func (b *Bundle) encode() ([]byte, error) {
	if !hostName.MatchString(b.Host) {
		return nil, malformed("host name", "%q", b.Host)
	}
	if b.Identity == nil || len(b.Identity.File()) == 0 {
		return nil, errors.New("a bundle needs an identity")
	}
	id, key := b.Identity.File(), b.DeployKey.Bytes()
	// Growing would leave copies, so it is allocated once.
	out := make([]byte, 0, len(id)+len(key)+len(b.Host)+200)
	out = fmt.Appendf(out, "%s\nhost %s\nidentity %d\n", bundleVersion, b.Host, len(id))
	out = append(append(out, id...), '\n')
	if len(key) > 0 {
		out = fmt.Appendf(out, "deploy-key %d\n", len(key))
		out = append(append(out, key...), '\n')
	}
	return append(out, "end\n"...), nil
}

func decodeBundle(data []byte) (b *Bundle, err error) {
	rest, ok := bytes.CutPrefix(data, []byte(bundleVersion+"\n"))
	if !ok {
		return nil, malformed("bundle", "another program made it, or a later version of this one")
	}
	host, rest, _ := bytes.Cut(rest, []byte("\n"))
	id, rest := bundlePart(rest, "identity ")
	key, _ := bundlePart(rest, "deploy-key ")
	b = &Bundle{Host: strings.TrimPrefix(string(host), "host ")}
	if b.Identity, err = ParseIdentity(id); err != nil {
		return nil, err
	}
	if key != nil {
		b.DeployKey, err = NewBuffer(bytes.Clone(key))
	}
	var again []byte
	if err == nil {
		again, err = b.encode()
		defer clear(again)
	}
	if err == nil && !bytes.Equal(again, data) {
		err = malformed("bundle", "its parts are damaged")
	}
	if err != nil {
		b.Wipe()
		return nil, err
	}
	return b, nil
}

// bundlePart cuts off a key below its line. It returns nil if there is no key.
func bundlePart(data []byte, name string) (part, rest []byte) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	n, err := strconv.Atoi(strings.TrimPrefix(string(line), name))
	if err != nil || n <= 0 || n >= len(rest) {
		return nil, data
	}
	return rest[:n], rest[n+1:]
}
