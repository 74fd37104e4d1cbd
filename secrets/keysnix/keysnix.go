// Package keysnix reads and edits keys.nix, the list of public keys that agenix'
// rules import. Its shape is up to its author. The package reads those in which a
// host's key is a string of its own under the host's name: in a set of keys
// (`hosts = { … }`) to which an entry refers, or in the entry itself, alone or in a
// list.
//
// The editor reads text and proposes. nix evaluates what a proposal means, and the
// judge decides: a wrong edit gives secrets to the wrong machine.
package keysnix

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"auto-installer/secrets"
	"auto-installer/secrets/nixtext"
)

// ShapeError is a keys.nix that cannot be edited, or not for this host.
type ShapeError struct {
	Line int // from 1; 0 if it is not one line's
	Why  string
}

func (e *ShapeError) Error() string {
	if e.Line == 0 {
		return "unknown shape: " + e.Why
	}
	return fmt.Sprintf("line %d: unknown shape: %s", e.Line, e.Why)
}

var (
	// ErrHostExists is the error of adding a host that keys.nix has already.
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
}

func (a keyAttr) text() string { s, _ := a.key.Plain(); return s }

// keysFile is a keys.nix that can be read.
type keysFile struct {
	*nixtext.File
	keys []keyAttr
	uses map[string]int // how often each string stands in the file
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
	f.Attrs = slices.DeleteFunc(f.Attrs, func(a nixtext.Attr) bool { return a.Inner })
	k := &keysFile{File: f, uses: map[string]int{}}
	for _, a := range f.Attrs {
		for _, t := range a.Value {
			if s, ok := t.Plain(); ok && !a.Set { // a set's bindings follow
				k.uses[s]++
			}
		}
	}
	for _, a := range f.Attrs {
		if t, ok := k.ownKey(a); ok {
			k.keys = append(k.keys, keyAttr{a, t})
		}
	}
	return k, nil
}

func lineOf(src []byte, at int) int { return 1 + bytes.Count(src[:at], []byte("\n")) }

func (k *keysFile) line(a nixtext.Attr) int { return lineOf(k.Src, a.From) }

// ownKey finds the key that belongs to a binding: its only string. In a list of
// several it is the one that stands nowhere else, or the first, where authors put
// the machine's.
func (k *keysFile) ownKey(a nixtext.Attr) (key nixtext.Token, ok bool) {
	var list, own []nixtext.Token
	others := false
	for _, t := range a.Value {
		switch s, plain := t.Plain(); {
		case plain && secrets.LooksLikeKey(s):
			list = append(list, t)
			if k.uses[s] == 1 {
				own = append(own, t)
			}
		case t.Is("["), t.Is("]"), t.Is("("), t.Is(")"):
		case !a.InLet && (t.Kind == nixtext.Ident || t.Is(".") || t.Is("++")):
			others = true // `[ "age1…" ] ++ sharedKeys`
		default:
			return key, false
		}
	}
	switch {
	case len(list) == 0, others && (len(list) != 1 || len(a.Path) != 1):
		return key, false
	case len(list) == 1, len(own) > 1 && own[0] == list[0]:
		return list[0], true
	case len(own) == 1:
		return own[0], true
	}
	return key, false
}

// isHostSet reports whether authors keep the keys of machines under a name.
func isHostSet(name string) bool {
	return slices.Contains([]string{"hosts", "machines", "systems", "servers", "nodes", "computers", "devices"}, name)
}

// isUserSet reports whether authors keep the keys of people under a name.
func isUserSet(name string) bool {
	return slices.Contains([]string{"users", "user", "people", "admins", "workstations"}, name)
}

// isRole reports whether a name is that of a key in the set of one host: a set
// with such a member is no set of hosts, whatever its name.
func isRole(name string) bool {
	return slices.Contains([]string{
		"system", "host", "machine", "root", "user", "admin", "owner", "me",
		"key", "keys", "ssh", "age", "public", "publicKey", "publicKeys", "pubkey",
	}, name)
}

// setOf is the name of the set that holds a binding, or empty.
func setOf(a nixtext.Attr) string {
	if p := a.Parent(); len(p) > 0 {
		return p[len(p)-1]
	}
	return ""
}

// isPerson reports whether a binding is a person's, whose name may be a host's
// too. Workstations are machines.
func isPerson(a nixtext.Attr) bool {
	set := setOf(a)
	return isUserSet(set) && set != "workstations"
}

// find is the binding that holds the key of a host. If several do, it is the one
// in a set of hosts.
func (k *keysFile) find(host string) (keyAttr, error) {
	var all, ofHosts []keyAttr
	for _, a := range k.keys {
		if a.Last() == host && !isPerson(a.Attr) {
			all = append(all, a)
			if isHostSet(setOf(a.Attr)) {
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
	return keyAttr{}, &ShapeError{k.line(all[1].Attr), host + " has more than one key"}
}

// Keys are the names in a keys.nix, of machines and of people, by their keys. The error
// is a *ShapeError.
func Keys(src []byte) (map[string]string, error) {
	k, err := readKeys(src)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, a := range k.keys {
		names[a.text()] = a.Last()
	}
	return names, nil
}

// KeyOf is the public key of a host in a keys.nix. The error is ErrNoHost or a
// *ShapeError.
func KeyOf(src []byte, host string) (string, error) {
	k, err := readKeys(src)
	if err != nil {
		return "", err
	}
	a, err := k.find(host)
	if err != nil {
		return "", err
	}
	return a.text(), nil
}

// entry is the binding of a host, beside its key, whose value refers to that
// key: `name = [ hosts.name … ]`; or nil.
func (k *keysFile) entry(key keyAttr) *nixtext.Attr {
	for _, a := range k.Attrs {
		if a.Last() == key.Last() && a.From != key.From && len(k.references(a, key)) > 0 {
			return &a
		}
	}
	return nil
}

// references are the tokens of a value that refer to a key: `hosts.name`, or the
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
			isName := i+1 < len(v) && v[i+1].Is("=") // of a set within the value
			if !selected && !quoted && !isName {
				list = append(list, t)
			}
		} else if selected && i > 1 && v[i-2].IsIdent(key.Path[len(key.Path)-2]) {
			list = append(list, t)
		}
	}
	return list
}
