package keysnix

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"auto-installer/secrets"
	"auto-installer/secrets/nixtext"
)

// KeysEdit is an edited keys.nix. Every other byte is as it was.
type KeysEdit struct {
	Data    []byte
	Added   []string // lines, without line ends
	Removed []string
	// Notes say what the user should look at: lists that name hosts one by one,
	// and do not name the new one.
	Notes []string
	// ByHand are the lines that the user can add, with their places.
	ByHand []HandLine
}

// HandLine is a line for the user to add to a file.
type HandLine struct {
	Place string // such as: the set hosts, which starts in line 3
	Text  string
}

// NewKey is a host's key to enter.
type NewKey struct {
	Host, Recipient string
	// Known are names that are certainly hosts.
	Known []string
	// Rules says that the file is secrets.nix, whose let holds the keys: only a
	// set of hosts in it is edited.
	Rules bool
}

// Proposals are ways to enter a key. This package only reads text, so the caller
// has nix evaluate each, and takes the first that means the right thing.
type Proposals struct {
	Edits []*KeysEdit
	// ByHand are lines for the user if no edit fits. The last one leaves the file
	// as it is.
	ByHand []*KeysEdit
	// Why is why there are no Edits.
	Why *ShapeError
}

// AddHost proposes how to add a host's key to a keys.nix, and an entry if other
// hosts have one, in the shape of theirs. The error is ErrHostExists or
// ErrKeyInUse.
func AddHost(src []byte, n NewKey) (*Proposals, error) {
	n.Recipient = strings.TrimSpace(n.Recipient)
	if err := errors.Join(secrets.CheckHost(n.Host), checkKey(n.Recipient)); err != nil {
		return nil, err
	}
	k, err := readKeys(src)
	if s, ok := errors.AsType[*ShapeError](err); ok {
		return &Proposals{Why: s, ByHand: n.unread(src)}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, a := range k.Attrs {
		if a.Last() == n.Host && (len(a.Path) == 1 || isHostSet(setOf(a))) {
			return nil, fmt.Errorf("%w: %s, line %d", ErrHostExists, n.Host, k.line(a))
		}
	}
	if err := k.inUse(n.Host, n.Recipient); err != nil {
		return nil, err
	}
	p := &Proposals{ByHand: k.byHand(n)}
	var likes []pattern
	likes, p.Why = k.patterns(n)
	for _, like := range likes {
		if e := k.like(like, n); e != nil {
			p.Edits = append(p.Edits, e)
		}
	}
	if len(p.Edits) == 0 && p.Why == nil {
		p.Why = &ShapeError{Why: "no host's entry can be the pattern for " + n.Host}
	}
	return p, nil
}

// ReplaceHost puts a new key of a host in the place of its old one. The error is
// ErrNoHost, ErrKeyInUse or a *ShapeError.
func ReplaceHost(src []byte, host, recipient string) (*KeysEdit, error) {
	recipient = strings.TrimSpace(recipient)
	if err := errors.Join(secrets.CheckHost(host), checkKey(recipient)); err != nil {
		return nil, err
	}
	k, err := readKeys(src)
	if err != nil {
		return nil, err
	}
	a, err := k.find(host)
	if err == nil {
		err = k.inUse(host, recipient)
	}
	if err != nil {
		return nil, err
	}
	return k.apply([]change{{a.key.From, a.key.To, `"` + recipient + `"`}}), nil
}

// inUse refuses a key that stands under another name.
func (k *keysFile) inUse(host, recipient string) error {
	for _, a := range k.keys {
		if a.text() == recipient && a.Last() != host {
			return fmt.Errorf("%w: %s, line %d", ErrKeyInUse, a.Last(), lineOf(k.Src, a.key.From))
		}
	}
	return nil
}

// pattern is a host whose shape a new one may get.
type pattern struct {
	key   keyAttr
	entry *nixtext.Attr // beside its key, or nil
	shape string
}

// maxShapes bounds how many shapes are tried.
const maxShapes = 5

// patterns are hosts to copy, one of each shape: the most frequent first, and of
// those the one with the fewest keys.
func (k *keysFile) patterns(n NewKey) ([]pattern, *ShapeError) {
	keys, err := k.siblings(n)
	if err != nil {
		return nil, err
	}
	var all []pattern
	for _, a := range slices.Backward(keys) { // of several alike the last one
		all = append(all, pattern{key: a, entry: k.entry(a)})
	}
	entries := slices.ContainsFunc(all, func(p pattern) bool { return p.entry != nil })
	all = slices.DeleteFunc(all, func(p pattern) bool {
		bare := len(p.key.Path) == 1 && p.key.InLet
		return p.entry == nil && (entries && !n.Rules || bare)
	})
	if len(all) == 0 {
		return nil, &ShapeError{Why: "it has no set of hosts, and no entry of a host to go by"}
	}
	count := map[string]int{}
	for i := range all {
		if n.Rules {
			all[i].entry = nil // its entries are the rules
		}
		all[i].shape = shape(all[i])
		count[all[i].shape]++
	}
	slices.SortStableFunc(all, func(a, b pattern) int {
		return cmp.Or(count[b.shape]-count[a.shape], size(a)-size(b), cmp.Compare(a.shape, b.shape))
	})
	all = slices.CompactFunc(all, func(a, b pattern) bool { return a.shape == b.shape })
	return all[:min(len(all), maxShapes)], nil
}

// siblings are the keys beside which a new host's belongs: those in the set of
// hosts, or those at the top.
func (k *keysFile) siblings(n NewKey) ([]keyAttr, *ShapeError) {
	set, err := k.hostSet(n.Known)
	if err != nil {
		return nil, err
	}
	var list, known []keyAttr
	for _, a := range k.keys {
		switch {
		case set != "" && slices.Equal(a.Parent(), []string{set}):
			list = append(list, a)
		case set != "" || n.Rules:
		case len(a.Path) == 1:
			if k.uses[a.text()] > 1 && len(a.Value) > 1 {
				continue // a person's, whose key stands in lists
			}
			list = append(list, a)
			if slices.Contains(n.Known, a.Last()) {
				known = append(known, a)
			}
		case !a.InLet && !isUserSet(a.Path[0]):
			return nil, &ShapeError{k.line(a.Attr), "keys stand in the set " + a.Path[0] + ", which may be one host's"}
		}
	}
	if len(known) > 0 {
		return known, nil
	}
	return list, nil
}

// hostSet is the name of the one set that has a key of each host, or empty.
func (k *keysFile) hostSet(known []string) (found string, err *ShapeError) {
	for _, a := range k.Attrs {
		set := setOf(a)
		if len(a.Path) != 2 || !isHostSet(set) || slices.Contains(known, set) || !k.holdsHosts(set, known) {
			continue
		}
		isKey := slices.ContainsFunc(k.keys, func(key keyAttr) bool { return key.From == a.From })
		switch {
		case !isKey, isRole(a.Last()) && !slices.Contains(known, a.Last()):
			return "", &ShapeError{k.line(a), "the set " + set + " has more than a key of each host"}
		case found != "" && found != set:
			return "", &ShapeError{k.line(a), "keys of hosts stand in more than one set"}
		}
		found = set
	}
	return found, nil
}

// holdsHosts reports whether the members of a set may be hosts: one is known to
// be, or no known host stands outside of it. Devices may be a person's.
func (k *keysFile) holdsHosts(set string, known []string) bool {
	may := set != "devices"
	for _, a := range k.keys {
		if !slices.Contains(known, a.Last()) {
			continue
		}
		if slices.Equal(a.Parent(), []string{set}) {
			return true
		}
		may = may && (len(a.Path) > 1 || a.InLet)
	}
	return may
}

// size counts the keys, and the lists of keys, that a pattern names.
func size(p pattern) int {
	n := p.key.n
	if p.entry == nil {
		return n
	}
	for i, t := range p.entry.Value {
		if (t.Kind == nixtext.Ident || t.Kind == nixtext.String) && (i == 0 || !p.entry.Value[i-1].Is(".")) {
			n++
		}
	}
	return n
}

// shape is a pattern's text without its host's own key and name.
func shape(p pattern) string {
	var text strings.Builder
	write := func(a nixtext.Attr) {
		fmt.Fprint(&text, a.InLet, len(a.Names), a.Parent())
		for _, t := range a.Value {
			word := t.Text
			if s, ok := t.Plain(); t.From == p.key.key.From {
				word = "KEY"
			} else if ok && s == p.key.Last() || t.IsIdent(p.key.Last()) {
				word = "NAME"
			}
			text.WriteString(" " + word)
		}
	}
	write(p.key.Attr)
	if p.entry != nil {
		write(*p.entry)
	}
	return text.String()
}
