package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"auto-installer/secrets/nixtext"
)

// keys.nix, the list of public keys that the rules of agenix import, has as
// many shapes as authors. Understood are those where a host's key is a string
// of its own under the host's name, be it in a set of keys (`hosts = { … }`) to
// which an entry refers, or in the entry itself, alone or as one of a list.

// HostKey is a machine's public key in keys.nix.
type HostKey struct {
	Name      string
	Recipient string
	Line      int // from 1
}

// ShapeError is a keys.nix that cannot be edited, or not for this host.
// Nothing was changed.
type ShapeError struct {
	Line int // from 1, 0 if it is not one line's
	Why  string
}

func (e *ShapeError) Error() string {
	if e.Line == 0 {
		return "a shape that is not understood: " + e.Why
	}
	return fmt.Sprintf("line %d: a shape that is not understood: %s", e.Line, e.Why)
}

var (
	// ErrHostExists is the error of adding a host that keys.nix knows.
	ErrHostExists = errors.New("keys.nix has that name already")
	// ErrKeyInUse is the error of a key that keys.nix has under another name.
	ErrKeyInUse = errors.New("keys.nix has that key under another name")
	// ErrNoHost is the error of a host that keys.nix has no key of.
	ErrNoHost = errors.New("keys.nix has no key of that host")
)

// keyAttr is a binding that holds a host's own key.
type keyAttr struct {
	nixtext.Attr
	key nixtext.Token // the string
	n   int           // how many keys the binding holds
}

// keysFile is a keys.nix that is understood as far as its syntax goes.
type keysFile struct {
	*nixtext.File
	keys []keyAttr // in order
	uses map[string]int
}

// maxKeys bounds a keys.nix, in bytes.
const maxKeys = 4 << 20

func readKeys(src []byte) (*keysFile, error) {
	if len(src) > maxKeys {
		return nil, &ShapeError{Why: fmt.Sprintf("it is larger than %d MiB", maxKeys>>20)}
	}
	f, err := nixtext.Parse(src)
	if s, ok := errors.AsType[*nixtext.SyntaxError](err); ok {
		return nil, &ShapeError{Line: lineOf(src, s.At), Why: s.Why}
	}
	if err != nil {
		return nil, err
	}
	k := &keysFile{File: f, uses: map[string]int{}}
	for _, a := range f.Attrs {
		if a.IsSet() {
			continue // its own bindings follow
		}
		for _, t := range a.Value {
			if s, ok := t.Plain(); ok {
				k.uses[s]++
			}
		}
	}
	for _, a := range f.Attrs {
		if t, n, ok := k.ownKey(a); ok {
			k.keys = append(k.keys, keyAttr{a, t, n})
		}
	}
	return k, nil
}

func lineOf(src []byte, at int) int { return 1 + bytes.Count(src[:at], []byte("\n")) }

// ownKey finds the key that is a binding's own: its only string, or of several
// in a list the one that stands nowhere else, or else the first, where the
// machine's key stands by custom. n is how many there are.
func (k *keysFile) ownKey(a nixtext.Attr) (key nixtext.Token, n int, ok bool) {
	var list []nixtext.Token
	others := false
	for _, t := range a.Value {
		switch s, plain := t.Plain(); {
		case plain && looksLikeKey(s):
			list = append(list, t)
		case t.Is("["), t.Is("]"), t.Is("("), t.Is(")"):
		case !a.InLet && (t.Kind == nixtext.Ident || t.Is(".") || t.Is("++")):
			others = true // `[ "age1…" ] ++ sharedKeys`
		default:
			return nixtext.Token{}, 0, false
		}
	}
	if others && (len(list) != 1 || len(a.Path) != 1) {
		return nixtext.Token{}, 0, false
	}
	if len(list) == 0 {
		return nixtext.Token{}, 0, false
	}
	var own []nixtext.Token
	for _, t := range list {
		if s, _ := t.Plain(); k.uses[s] == 1 {
			own = append(own, t)
		}
	}
	switch {
	case len(list) == 1, len(own) > 1 && own[0] == list[0]:
		return list[0], len(list), true
	case len(own) == 1:
		return own[0], len(list), true
	}
	return nixtext.Token{}, 0, false
}

// looksLikeKey tells a public key from other strings; whether age takes it is
// another matter.
func looksLikeKey(s string) bool {
	return strings.HasPrefix(s, "age1") || strings.HasPrefix(s, "ssh-") ||
		strings.HasPrefix(s, "ecdsa-") || strings.HasPrefix(s, "sk-")
}

// IsHostSet tells whether people keep the keys of all machines under a name.
func IsHostSet(name string) bool {
	return slices.Contains([]string{"hosts", "machines", "systems", "servers", "nodes", "computers", "devices"}, name)
}

// IsUserSet tells whether people keep the keys of people under a name.
func IsUserSet(name string) bool {
	return slices.Contains([]string{"users", "user", "people", "admins", "workstations"}, name)
}

// IsRole tells whether a name is that of a key within the set of one host: a
// set that has one is no set of hosts, whatever it is called.
func IsRole(name string) bool {
	return slices.Contains([]string{
		"system", "host", "machine", "root", "user", "admin", "owner", "me",
		"key", "keys", "ssh", "age", "public", "publicKey", "publicKeys", "pubkey",
	}, name)
}

func inHostSet(a nixtext.Attr) bool {
	p := a.Parent()
	return len(p) > 0 && IsHostSet(p[len(p)-1])
}

func inUserSet(a nixtext.Attr) bool {
	p := a.Parent()
	return len(p) > 0 && IsUserSet(p[len(p)-1])
}

// inPeople tells whether a binding is a person's, who may be called as a host
// is. Workstations are machines all the same.
func inPeople(a nixtext.Attr) bool {
	p := a.Parent()
	return inUserSet(a) && p[len(p)-1] != "workstations"
}

// find is the binding that holds the key of a host. If several of the name
// hold one, it is the one in a set of hosts.
func (k *keysFile) find(host string) (keyAttr, error) {
	var all, ofHosts []keyAttr
	for _, a := range k.keys {
		if a.Last() == host && !inPeople(a.Attr) {
			all = append(all, a)
			if inHostSet(a.Attr) {
				ofHosts = append(ofHosts, a)
			}
		}
	}
	switch {
	case len(all) == 0:
		return keyAttr{}, ErrNoHost
	case len(all) == 1:
		return all[0], nil
	case len(ofHosts) == 1:
		return ofHosts[0], nil
	}
	return keyAttr{}, &ShapeError{
		Line: lineOf(k.Src, all[1].From), Why: host + " has more than one key",
	}
}

// Keys lists the keys that stand under a name of their own in a keys.nix, of
// machines and of people, in the file's order. Of a list it is the machine's.
// The error is a *ShapeError.
func Keys(src []byte) ([]HostKey, error) {
	k, err := readKeys(src)
	if err != nil {
		return nil, err
	}
	list := make([]HostKey, 0, len(k.keys))
	for _, a := range k.keys {
		s, _ := a.key.Plain()
		list = append(list, HostKey{a.Last(), s, lineOf(src, a.key.From)})
	}
	return list, nil
}

// KeyOf is the public key of a host in a keys.nix. The error is ErrNoHost or a
// *ShapeError.
func KeyOf(src []byte, host string) (HostKey, error) {
	k, err := readKeys(src)
	if err != nil {
		return HostKey{}, err
	}
	a, err := k.find(host)
	if err != nil {
		return HostKey{}, err
	}
	s, _ := a.key.Plain()
	return HostKey{host, s, lineOf(src, a.key.From)}, nil
}

// entry is the binding of a host, beside its key, whose value refers to that
// key: `name = [ hosts.name … ]`.
func (k *keysFile) entry(key keyAttr) (nixtext.Attr, bool) {
	for _, a := range k.Attrs {
		if a.Last() == key.Last() && a.From != key.From && len(k.references(a, key)) > 0 {
			return a, true
		}
	}
	return nixtext.Attr{}, false
}

// references are the tokens of a value that name a key: `hosts.name`, or the
// name alone where the key stands at the top.
func (k *keysFile) references(a nixtext.Attr, key keyAttr) []nixtext.Token {
	var list []nixtext.Token
	v := a.Value
	for i, t := range v {
		name, quoted := t.Plain()
		if t.Kind == nixtext.Ident {
			name = t.Text
		}
		if name != key.Last() {
			continue
		}
		selected := i > 0 && v[i-1].Is(".")
		if len(key.Path) == 1 {
			isName := i+1 < len(v) && v[i+1].Is("=") // in a set within
			if !selected && !quoted && !isName {
				list = append(list, t)
			}
			continue
		}
		parent := key.Path[len(key.Path)-2]
		if selected && i > 1 && v[i-2].IsIdent(parent) {
			list = append(list, t)
		}
	}
	return list
}

var hostName = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_-]*$`)

// checkHost refuses what would have to be escaped.
func checkHost(host string) error {
	if !hostName.MatchString(host) || len(host) > 63 {
		return malformed("host name", "%q: letters, digits, - and _, at most 63", host)
	}
	return nil
}

// checkKey makes sure that age can encrypt to it and Nix can quote it.
func checkKey(key string) error {
	if _, err := ParseRecipient(key); err != nil {
		return err
	}
	if strings.ContainsAny(key, "\"\\$\n\r") {
		return malformed("recipient", "its comment has a character that Nix would not take as it is")
	}
	return nil
}
