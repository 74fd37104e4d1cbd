package keysnix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"auto-installer/secrets/nixtext"
)

// Edit is an edited keys.nix. Every other byte is as it was.
type Edit struct {
	Data    []byte
	Added   []string // lines, without line ends
	Removed []string
	// Notes say what the user should look at: lists that name hosts one by one,
	// and do not name the new one.
	Notes []string
	// Hand is the line for the user to add, if the file is not to be edited.
	Hand HandLine
}

// HandLine is a line for the user to add to a file.
type HandLine struct {
	Place   string // such as: the set that ends in line 3
	Text    string
	InRules bool // it belongs into the rules
}

// add proposes how to add a host's key, and an entry if other hosts have one, in the
// shape of theirs.
func (k *keysFile) add(c Claim) (list []*Edit, why, err error) {
	for _, a := range k.Attrs {
		if a.Last() == c.Host && (len(a.Path) == 1 || isHostSet(setOf(a))) {
			return nil, nil, fmt.Errorf("%w: %s, line %d", ErrHostExists, c.Host, k.line(a))
		}
	}
	for _, like := range k.patterns(c) {
		list = append(list, k.like(like, c))
	}
	if len(list) == 0 {
		why = &ShapeError{Why: "it has no set of hosts, or several, and no entry of a host to copy"}
	}
	if k.End > 0 && !c.Rules {
		line := HandLine{Place: fmt.Sprintf("the set that ends in line %d", lineOf(k.Src, k.End)), Text: nixtext.Name(c.Host) + " = " + k.form(`"`+c.Key+`"`) + ";"}
		list = append(list, &Edit{Data: nixtext.Before(k.Src, k.End, line.Text), Hand: line})
	}
	return append(list, &Edit{Data: k.Src, Hand: c.ForRules()}), why, nil
}

// form is a key alone if another entry is one, and otherwise in a list.
func (k *keysFile) form(quoted string) string {
	for _, a := range k.Attrs {
		if !a.InLet && len(a.Path) == 1 && len(a.Value) == 1 && a.Value[0].Kind == nixtext.String {
			return quoted
		}
	}
	return "[ " + quoted + " ]"
}

// ForRules is the line for rules that name the key itself.
func (c Claim) ForRules() HandLine {
	return HandLine{"publicKeys of each secret that " + c.Host + " is to open", `"` + c.Key + `"`, true}
}

// inUse refuses a key that stands under another name.
func (k *keysFile) inUse(c Claim) error {
	for _, a := range k.keys {
		if a.text() == c.Key && a.Last() != c.Host {
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
// those the shortest.
func (k *keysFile) patterns(c Claim) []pattern {
	var all []pattern
	for _, a := range slices.Backward(k.siblings(c)) { // of several alike the last one
		all = append(all, pattern{key: a, entry: k.entry(a)})
	}
	entries := slices.ContainsFunc(all, func(p pattern) bool { return p.entry != nil })
	all = slices.DeleteFunc(all, func(p pattern) bool {
		bare := len(p.key.Path) == 1 && p.key.InLet
		return p.entry == nil && (entries && !c.Rules || bare)
	})
	count := map[string]int{}
	for i := range all {
		if c.Rules {
			all[i].entry = nil // its entries are the rules
		}
		all[i].shape = shape(all[i])
		count[all[i].shape]++
	}
	slices.SortStableFunc(all, func(a, b pattern) int {
		return cmp.Or(count[b.shape]-count[a.shape], len(a.shape)-len(b.shape), cmp.Compare(a.shape, b.shape))
	})
	all = slices.CompactFunc(all, func(a, b pattern) bool { return a.shape == b.shape })
	return all[:min(len(all), maxShapes)]
}

// siblings are the keys beside which a new host's may belong, as far as names show it:
// those of known hosts; else those in a set of hosts; else those at the top.
func (k *keysFile) siblings(c Claim) []keyAttr {
	var known, inSets, atTop []keyAttr
	for _, a := range k.keys {
		isKnown := slices.Contains(c.Known, a.Last())
		switch {
		case len(a.Path) == 2 && isHostSet(a.Path[0]) && (isKnown || !isRole(a.Last())):
			inSets = append(inSets, a)
		case len(a.Path) == 1 && !c.Rules && (k.uses[a.text()] == 1 || len(a.Value) == 1): // else a person's, whose key stands in lists
			atTop = append(atTop, a)
		default:
			continue
		}
		if isKnown {
			known = append(known, a)
		}
	}
	switch {
	case slices.ContainsFunc(inSets, func(a keyAttr) bool { return a.Path[0] != inSets[0].Path[0] }):
		return nil // which of the sets is the host's, only its author knows
	case len(known) > 0:
		return known
	case len(inSets) > 0:
		return inSets
	}
	return atTop
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
