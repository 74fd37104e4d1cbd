package secrets

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KeysEdit is an edited keys.nix. All but the lines that it tells of is as it
// was, byte by byte.
type KeysEdit struct {
	Data    []byte
	Added   []string // lines, without line breaks
	Removed []string
	// Notes say what a person should look at: lists that name hosts one by
	// one, and do not name the new one.
	Notes []string
}

// AddHost adds a host's key to a keys.nix, and its entry if other hosts have
// one, in the shape of theirs: with the shared keys that they have. The error is
// ErrHostExists, ErrKeyInUse or a *ShapeError that holds the line to add by hand.
func AddHost(src []byte, host, recipient string) (*KeysEdit, error) {
	recipient = strings.TrimSpace(recipient)
	if err := errors.Join(checkHost(host), checkKey(recipient)); err != nil {
		return nil, err
	}
	byHand := []string{fmt.Sprintf("%s = \"%s\";", attrName(host, false), recipient)}
	k, err := readKeys(src)
	if err != nil {
		return nil, withLines(err, byHand)
	}
	for _, a := range k.attrs {
		if a.last() == host && !a.inUserSet() {
			return nil, fmt.Errorf("%w: %s, line %d", ErrHostExists, host, lineOf(src, a.from))
		}
	}
	if err := k.inUse(host, recipient); err != nil {
		return nil, err
	}
	like, err := k.sibling()
	if err != nil {
		return nil, withLines(err, byHand)
	}
	var notes []string
	key := []change{{like.key.from, like.key.to, `"` + recipient + `"`}}
	changes := []change{k.copyOf(like.attr, k.lastBeside(like.attr, true), host, key)}
	if e, ok := k.entry(like); ok {
		var refs []change
		for _, t := range k.references(e, like) {
			refs = append(refs, change{t.from, t.to, attrName(host, t.kind == tokString)})
		}
		if k.mentions(e, like.last(), len(refs)) {
			return nil, &ShapeError{lineOf(src, e.from), "the entry of " + like.last() + " names it in more than one way", byHand}
		}
		changes = append(changes, k.copyOf(e, k.lastBeside(e, false), host, refs))
		notes = k.borrowed(e, like.last(), host)
	}
	edit := k.apply(changes)
	edit.Notes = slices.Concat(notes, k.lists(like.attr, host))
	return edit, k.verify(edit, host, recipient)
}

// ReplaceHost puts a new key of a host in the place of its old one. The error is
// ErrNoHost, ErrKeyInUse or a *ShapeError.
func ReplaceHost(src []byte, host, recipient string) (*KeysEdit, error) {
	recipient = strings.TrimSpace(recipient)
	if err := errors.Join(checkHost(host), checkKey(recipient)); err != nil {
		return nil, err
	}
	byHand := []string{fmt.Sprintf("%s = \"%s\";", attrName(host, false), recipient)}
	k, err := readKeys(src)
	if err != nil {
		return nil, withLines(err, byHand)
	}
	a, err := k.find(host)
	if err != nil {
		return nil, withLines(err, byHand)
	}
	if err := k.inUse(host, recipient); err != nil {
		return nil, err
	}
	edit := k.apply([]change{{a.key.from, a.key.to, `"` + recipient + `"`}})
	return edit, k.verify(edit, host, recipient)
}

// RemoveHost removes a host's key and its entry, with the comments on their
// lines. The error is ErrNoHost, or a *ShapeError: that something else refers to
// the key, among others.
func RemoveHost(src []byte, host string) (*KeysEdit, error) {
	if err := checkHost(host); err != nil {
		return nil, err
	}
	k, err := readKeys(src)
	if err != nil {
		return nil, withLines(err, []string{"remove the key of " + host})
	}
	key, err := k.find(host)
	if err != nil {
		return nil, err
	}
	gone := []attr{key.attr}
	if e, ok := k.entry(key); ok {
		gone = append(gone, e)
	}
	for _, a := range k.attrs {
		isGone := slices.ContainsFunc(gone, func(g attr) bool { return g.from <= a.from && a.to <= g.to })
		if !isGone && !isSet(a) && len(k.references(a, key)) > 0 {
			line := lineOf(src, k.references(a, key)[0].from)
			return nil, &ShapeError{line, strings.Join(a.path, ".") + " refers to the key of " + host, []string{"remove " + host + " from that list first"}}
		}
	}
	var changes []change
	for _, a := range gone {
		from, to := k.wholeLines(a)
		changes = append(changes, change{from, to, ""})
	}
	edit := k.apply(changes)
	return edit, k.verify(edit, host, "")
}

// inUse refuses a key that is another machine's, or a person's.
func (k *keysFile) inUse(host, recipient string) error {
	for _, a := range k.keys {
		if s, _ := a.key.plain(); s == recipient && a.last() != host {
			return fmt.Errorf("%w: %s, line %d", ErrKeyInUse, a.last(), lineOf(k.src, a.key.from))
		}
	}
	return nil
}

func withLines(err error, lines []string) error {
	if s, ok := errors.AsType[*ShapeError](err); ok && s.ByHand == nil {
		s.ByHand = lines
	}
	return err
}

// sibling is the host whose shape a new one gets: one with an entry, then the
// one with the most keys, then the last.
func (k *keysFile) sibling() (keyAttr, error) {
	rank := func(a keyAttr) int {
		r := a.n
		if e, ok := k.entry(a); ok {
			r += 1<<20 + elements(e)
		}
		if a.inHostSet() {
			r += 1 << 10
		}
		return r
	}
	best := -1
	for i, a := range k.keys {
		if best < 0 || rank(a) >= rank(k.keys[best]) {
			best = i
		}
	}
	if best < 0 {
		return keyAttr{}, &ShapeError{Why: "it has no key of a host to go by"}
	}
	like := k.keys[best]
	if like.inUserSet() {
		return keyAttr{}, &ShapeError{lineOf(k.src, like.from), "it has keys of people alone", nil}
	}
	for _, a := range k.keys {
		if !a.beside(like.attr) && rank(a) == rank(like) {
			return keyAttr{}, &ShapeError{lineOf(k.src, a.from), "keys stand in more than one set, and none is called hosts", nil}
		}
	}
	return like, nil
}

// elements is how many keys and lists of keys a value names.
func elements(a attr) int {
	n := 0
	for i, t := range a.value {
		if (t.kind == tokIdent || t.kind == tokString) && (i == 0 || !a.value[i-1].is(".")) {
			n++
		}
	}
	return n
}

// borrowed are notes about what an entry has that is named after its host, such
// as users."me@laptop".
func (k *keysFile) borrowed(e attr, like, host string) []string {
	var notes []string
	for _, t := range e.value {
		if s, ok := t.plain(); ok && s != like && strings.Contains(s, like) {
			notes = append(notes, fmt.Sprintf("the entry of %s has %s in it, as that of %s: change it if %s has one of its own", host, t.text, like, host))
		}
	}
	return notes
}

func (a attr) inUserSet() bool {
	p := a.parent()
	return len(p) > 0 && slices.Contains([]string{"users", "user", "people", "admins", "workstations"}, p[len(p)-1])
}

// lastBeside is the last binding of the same set and of the same sort, key or
// entry: a new one goes after it.
func (k *keysFile) lastBeside(a attr, wantKey bool) attr {
	last := a
	for _, key := range k.keys {
		b := key.attr
		if !wantKey {
			var ok bool
			if b, ok = k.entry(key); !ok {
				continue
			}
		}
		if b.beside(a) && len(b.names) == len(a.names) && b.from > last.from {
			last = b
		}
	}
	return last
}

// mentions tells whether a binding names a host in more ways than by the
// references that are known.
func (k *keysFile) mentions(a attr, host string, known int) bool {
	n := 0
	for _, t := range a.value {
		if t.kind == tokMixed && strings.Contains(t.text, host) || t.kind == tokPath && strings.Contains(t.text, host) {
			return true
		}
		if s, ok := t.plain(); ok && s == host || t.isIdent(host) {
			n++
		}
	}
	return n != known
}

// lists are notes about bindings that name hosts one by one.
func (k *keysFile) lists(like attr, host string) []string {
	var notes []string
	for _, a := range k.attrs {
		if isSet(a) || a.inUserSet() {
			continue
		}
		others := 0
		for _, key := range k.keys {
			if key.beside(like) && key.last() != a.last() && len(k.references(a, key)) > 0 {
				others++
			}
		}
		if others > 1 {
			notes = append(notes, fmt.Sprintf("keys.nix:%d: %s names hosts one by one: add %s there if it is one of them",
				lineOf(k.src, a.from), strings.Join(a.path, "."), host))
		}
	}
	return notes
}

// verify reads the edited file again: the host has the key, and everything
// else is what it was.
func (k *keysFile) verify(e *KeysEdit, host, recipient string) error {
	wrong := &ShapeError{Why: "the edit would not come out right", ByHand: []string{fmt.Sprintf("%s = \"%s\";", attrName(host, false), recipient)}}
	after, err := readKeys(e.Data)
	if err != nil {
		return wrong
	}
	got := ""
	if a, err := after.find(host); err == nil {
		got, _ = a.key.plain()
	}
	if got != recipient || !slices.Equal(k.others(host), after.others(host)) {
		return wrong
	}
	return nil
}

// others renders all bindings but a host's own.
func (k *keysFile) others(host string) []string {
	var list []string
	for _, a := range k.attrs {
		if isSet(a) || slices.Contains(a.path, host) && !a.inUserSet() {
			continue
		}
		text := fmt.Sprint(a.inLet, a.path)
		for _, t := range a.value {
			text += " " + t.text
		}
		list = append(list, text)
	}
	return list
}
