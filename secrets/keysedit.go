package secrets

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"auto-installer/secrets/nixtext"
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
	// Sure tells that the edit guesses nothing: without nix to judge it, it is
	// right all the same.
	Sure bool
	// ByHand are its lines for a person to add, with their places.
	ByHand []HandLine
}

// HandLine is a line to add to a file by hand.
type HandLine struct {
	Place string // such as: the set hosts, which starts in line 3
	Text  string
}

// NewKey is a host's key to enter.
type NewKey struct {
	Host, Recipient string
	// Known are names that are hosts for certain.
	Known []string
	// Rules says that the file is secrets.nix, in whose let the keys stand: only
	// a set of hosts is added to.
	Rules bool
}

// Proposals are ways to enter a key.
type Proposals struct {
	// Edits are the editor's own, to be judged by what they mean to nix, in
	// this order.
	Edits []*KeysEdit
	// ByHand are what a person may do where none of them will do. The last one
	// leaves the file as it is.
	ByHand []*KeysEdit
	// Why is why there are no Edits.
	Why *ShapeError
}

// AddHost proposes how to add a host's key to a keys.nix, and its entry if
// other hosts have one, in the shape of theirs: with the shared keys that they
// have. The error is ErrHostExists or ErrKeyInUse.
func AddHost(src []byte, n NewKey) (*Proposals, error) {
	n.Recipient = strings.TrimSpace(n.Recipient)
	if err := errors.Join(checkHost(n.Host), checkKey(n.Recipient)); err != nil {
		return nil, err
	}
	k, err := readKeys(src)
	if s, ok := errors.AsType[*ShapeError](err); ok {
		return &Proposals{Why: s, ByHand: n.unread(src)}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := k.free(n); err != nil {
		return nil, err
	}
	p := &Proposals{ByHand: k.byHand(n)}
	likes, err := k.patterns(n)
	if s, ok := errors.AsType[*ShapeError](err); ok {
		p.Why = s
	}
	for _, like := range likes {
		if e, ok := k.like(like, n); ok {
			e.Sure = len(likes) == 1 && k.End > 0 && !k.namesOthers(like)
			p.Edits = append(p.Edits, e)
		}
	}
	if len(p.Edits) == 0 && p.Why == nil {
		p.Why = &ShapeError{Why: "no host's entry can be the pattern for " + n.Host}
	}
	return p, nil
}

// free refuses a name or a key that is taken.
func (k *keysFile) free(n NewKey) error {
	for _, a := range k.Attrs {
		if a.Last() == n.Host && (len(a.Path) == 1 || inHostSet(a)) {
			return fmt.Errorf("%w: %s, line %d", ErrHostExists, n.Host, lineOf(k.Src, a.From))
		}
	}
	return k.inUse(n.Host, n.Recipient)
}

// ReplaceHost puts a new key of a host in the place of its old one. The error is
// ErrNoHost, ErrKeyInUse or a *ShapeError.
func ReplaceHost(src []byte, host, recipient string) (*KeysEdit, error) {
	recipient = strings.TrimSpace(recipient)
	if err := errors.Join(checkHost(host), checkKey(recipient)); err != nil {
		return nil, err
	}
	k, err := readKeys(src)
	if err != nil {
		return nil, err
	}
	a, err := k.find(host)
	if err != nil {
		return nil, err
	}
	if err := k.inUse(host, recipient); err != nil {
		return nil, err
	}
	old, _ := a.key.Plain()
	edit := k.apply([]change{{a.key.From, a.key.To, `"` + recipient + `"`}})
	edit.Sure = k.uses[old] == 1 && a.n == 1
	if !k.comesOut(edit, host, recipient) {
		return nil, &ShapeError{Line: lineOf(src, a.From), Why: "the edit would not come out right"}
	}
	return edit, nil
}

// inUse refuses a key that is another machine's, or a person's.
func (k *keysFile) inUse(host, recipient string) error {
	for _, a := range k.keys {
		if s, _ := a.key.Plain(); s == recipient && a.Last() != host {
			return fmt.Errorf("%w: %s, line %d", ErrKeyInUse, a.Last(), lineOf(k.Src, a.key.From))
		}
	}
	return nil
}

// pattern is a host whose shape a new one may get.
type pattern struct {
	key   keyAttr
	entry *nixtext.Attr // beside its key, or nil
}

// patterns are the hosts whose shape a new one may get, one of each shape: the
// most frequent first, and of those the one that fewest keys open.
func (k *keysFile) patterns(n NewKey) ([]pattern, error) {
	keys, err := k.siblings(n)
	if err != nil {
		return nil, err
	}
	var all []pattern
	entries := 0
	for _, a := range keys {
		p := pattern{key: a}
		if e, ok := k.entry(a); ok {
			p.entry = &e
			entries++
		}
		all = append(all, p)
	}
	all = slices.DeleteFunc(all, func(p pattern) bool {
		bare := len(p.key.Path) == 1 && p.key.InLet
		return p.entry == nil && (entries > 0 && !n.Rules || bare)
	})
	if n.Rules {
		for i := range all {
			all[i].entry = nil
		}
	}
	if len(all) == 0 {
		return nil, &ShapeError{Why: "it has no set of hosts, and no entry of a host to go by"}
	}
	slices.Reverse(all) // of several alike the last one
	count := map[string]int{}
	for _, p := range all {
		count[k.shape(p)]++
	}
	slices.SortStableFunc(all, func(a, b pattern) int {
		return cmp.Or(count[k.shape(b)]-count[k.shape(a)], k.size(a)-k.size(b))
	})
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(p pattern) bool {
		shape := k.shape(p)
		again := seen[shape] || len(seen) == maxShapes
		seen[shape] = true
		return again
	}), nil
}

// maxShapes bounds how many shapes are tried.
const maxShapes = 5

// siblings are the keys of hosts among which a new one belongs: those of the
// set of hosts, or else those that stand at the top.
func (k *keysFile) siblings(n NewKey) ([]keyAttr, error) {
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
			if key, _ := a.key.Plain(); k.uses[key] > 1 && len(a.Value) > 1 {
				continue // a person's, whom others name
			}
			list = append(list, a)
			if slices.Contains(n.Known, a.Last()) {
				known = append(known, a)
			}
		case !a.InLet && !IsUserSet(a.Path[0]):
			return nil, &ShapeError{lineOf(k.Src, a.From), "keys stand in the set " + a.Path[0] + ", which may be one host's"}
		}
	}
	if len(known) > 0 {
		return known, nil
	}
	return list, nil
}

// hostSet is the name of the one set that has a key of each host, or empty.
func (k *keysFile) hostSet(known []string) (string, error) {
	var found string
	for _, a := range k.Attrs {
		p := a.Parent()
		if len(p) != 1 || !IsHostSet(p[0]) || slices.Contains(known, p[0]) || !k.holdsHosts(p[0], known) {
			continue
		}
		isKey := slices.ContainsFunc(k.keys, func(key keyAttr) bool { return key.From == a.From })
		role := IsRole(a.Last()) && !slices.Contains(known, a.Last())
		if !isKey || role {
			return "", &ShapeError{lineOf(k.Src, a.From), "the set " + p[0] + " has more than a key of each host"}
		}
		if found != "" && found != p[0] {
			return "", &ShapeError{lineOf(k.Src, a.From), "keys of hosts stand in more than one set"}
		}
		found = p[0]
	}
	return found, nil
}

// holdsHosts tells whether the members of a set may be hosts: one is known to
// be, or no host that is known stands beside the set. Devices may be a person's.
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

// size is how many keys and lists of keys a pattern names.
func (k *keysFile) size(p pattern) int {
	n := p.key.n
	if p.entry != nil {
		n += elements(*p.entry)
	}
	return n
}

// shape is a pattern's text without what is its host's own.
func (k *keysFile) shape(p pattern) string {
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

// namesOthers tells whether a pattern refers to keys of other hosts.
func (k *keysFile) namesOthers(p pattern) bool {
	for _, key := range k.keys {
		if key.From != p.key.From && key.Beside(p.key.Attr) && p.entry != nil && len(k.references(*p.entry, key)) > 0 {
			return true
		}
	}
	return false
}

// like is the edit that makes a host like another one, if the text allows it.
func (k *keysFile) like(p pattern, n NewKey) (*KeysEdit, bool) {
	if k.captures(p.key.Attr, n.Host) {
		return nil, false
	}
	key := []change{{p.key.key.From, p.key.key.To, `"` + n.Recipient + `"`}}
	changes := []change{k.copyOf(p.key.Attr, k.lastBeside(p.key.Attr, true), n.Host, key)}
	var notes []string
	if p.entry != nil {
		var refs []change
		for _, t := range k.references(*p.entry, p.key) {
			refs = append(refs, change{t.From, t.To, attrName(n.Host, t.Kind == nixtext.String)})
		}
		if k.mentions(*p.entry, p.key.Last(), len(refs)) {
			return nil, false
		}
		changes = append(changes, k.copyOf(*p.entry, k.lastBeside(*p.entry, false), n.Host, refs))
		notes = k.borrowed(*p.entry, p.key.Last(), n.Host)
	}
	edit := k.apply(changes)
	edit.Notes = slices.Concat(notes, k.lists(p.key.Attr, n.Host))
	return edit, k.comesOut(edit, n.Host, n.Recipient)
}

// captures tells whether a name beside a would be no name without quotes, or
// one that the file uses already for something else.
func (k *keysFile) captures(a nixtext.Attr, name string) bool {
	if !a.InLet && !k.Rec || len(a.Path) > 1 {
		return false
	}
	if a.InLet && !nixtext.IsName(name) {
		return true
	}
	for _, b := range k.Attrs {
		for i, t := range b.Value {
			if t.IsIdent(name) && (i == 0 || !b.Value[i-1].Is(".")) {
				return true
			}
		}
	}
	return false
}

// elements is how many keys and lists of keys a value names.
func elements(a nixtext.Attr) int {
	n := 0
	for i, t := range a.Value {
		if (t.Kind == nixtext.Ident || t.Kind == nixtext.String) && (i == 0 || !a.Value[i-1].Is(".")) {
			n++
		}
	}
	return n
}

// borrowed are notes about what an entry has that is named after its host, such
// as users."me@laptop".
func (k *keysFile) borrowed(e nixtext.Attr, like, host string) []string {
	var notes []string
	for _, t := range e.Value {
		if s, ok := t.Plain(); ok && s != like && strings.Contains(s, like) {
			notes = append(notes, fmt.Sprintf("the entry of %s has %s in it, as that of %s: change it if %s has one of its own", host, t.Text, like, host))
		}
	}
	return notes
}

// lastBeside is the last binding of the same set and of the same sort, key or
// entry: a new one goes after it.
func (k *keysFile) lastBeside(a nixtext.Attr, wantKey bool) nixtext.Attr {
	last := a
	for _, key := range k.keys {
		b := key.Attr
		if !wantKey {
			var ok bool
			if b, ok = k.entry(key); !ok {
				continue
			}
		}
		if b.Beside(a) && len(b.Names) == len(a.Names) && b.From > last.From {
			last = b
		}
	}
	return last
}

// mentions tells whether a binding names a host in more ways than by the
// references that are known.
func (k *keysFile) mentions(a nixtext.Attr, host string, known int) bool {
	n := 0
	for _, t := range a.Value {
		if t.Kind == nixtext.Mixed && strings.Contains(t.Text, host) || t.Kind == nixtext.Path && strings.Contains(t.Text, host) {
			return true
		}
		if s, ok := t.Plain(); ok && s == host || t.IsIdent(host) {
			n++
		}
	}
	return n != known
}

// lists are notes about bindings that name hosts one by one.
func (k *keysFile) lists(like nixtext.Attr, host string) []string {
	var notes []string
	for _, a := range k.Attrs {
		if a.IsSet() || inUserSet(a) {
			continue
		}
		others := 0
		for _, key := range k.keys {
			if key.Beside(like) && key.Last() != a.Last() && len(k.references(a, key)) > 0 {
				others++
			}
		}
		if others > 1 {
			notes = append(notes, fmt.Sprintf("line %d: %s names hosts one by one: add %s there if it is one of them",
				lineOf(k.Src, a.From), strings.Join(a.Path, "."), host))
		}
	}
	return notes
}

// comesOut reads the edited file again: the host has the key, and everything
// else is what it was.
func (k *keysFile) comesOut(e *KeysEdit, host, recipient string) bool {
	after, err := readKeys(e.Data)
	if err != nil {
		return false
	}
	got := ""
	if a, err := after.find(host); err == nil {
		got, _ = a.key.Plain()
	}
	return got == recipient && slices.Equal(k.others(host), after.others(host))
}

// others renders all bindings but a host's own.
func (k *keysFile) others(host string) []string {
	var list []string
	for _, a := range k.Attrs {
		if a.IsSet() || slices.Contains(a.Path, host) && !inPeople(a) {
			continue
		}
		text := fmt.Sprint(a.InLet, a.Path)
		for _, t := range a.Value {
			text += " " + t.Text
		}
		list = append(list, text)
	}
	return list
}

// byHand are what a person may add, the best first: the key and an entry in
// their sets, the key in the let, an entry of the key alone. If all of these
// would give it to what is not its own, the rules alone are left.
func (k *keysFile) byHand(n NewKey) []*KeysEdit {
	var list []*KeysEdit
	name, quoted := nixtext.Name(n.Host), `"`+n.Recipient+`"`
	set, _ := k.hostSet(n.Known)
	for _, a := range k.Attrs {
		if set == "" || !a.IsSet() || !slices.Equal(a.Path, []string{set}) {
			continue
		}
		key := HandLine{fmt.Sprintf("the set %s, which starts in line %d", set, lineOf(k.Src, a.From)), name + " = " + quoted + ";"}
		e := &KeysEdit{Data: k.Src, ByHand: []HandLine{key}}
		if a.InLet && k.End > 0 && !n.Rules && slices.ContainsFunc(k.keys, k.hasEntry) {
			entry := HandLine{k.atEnd(), fmt.Sprintf("%s = [ %s.%s ];", name, set, name)}
			e.ByHand = append(e.ByHand, entry)
			e.Data = nixtext.Before(e.Data, k.End, entry.Text) // below, so first
		}
		e.Data = nixtext.Before(e.Data, a.Value[len(a.Value)-1].From, key.Text)
		list = append(list, e)
		break
	}
	bare := slices.ContainsFunc(k.keys, func(a keyAttr) bool { return a.InLet && len(a.Path) == 1 })
	if k.In > 0 && (n.Rules || bare) && !k.captures(nixtext.Attr{InLet: true, Path: []string{n.Host}}, n.Host) {
		line := HandLine{fmt.Sprintf("the let, whose in is in line %d", lineOf(k.Src, k.In)), name + " = " + quoted + ";"}
		list = append(list, &KeysEdit{Data: nixtext.Before(k.Src, k.In, line.Text), ByHand: []HandLine{line}})
	}
	switch {
	case n.Rules:
	case k.End > 0:
		line := HandLine{k.atEnd(), name + " = " + k.form(quoted) + ";"}
		list = append(list, &KeysEdit{Data: nixtext.Before(k.Src, k.End, line.Text), ByHand: []HandLine{line}})
	default:
		list = append(list, n.appended(k.Src))
	}
	return append(list, n.Left(k.Src))
}

func (k *keysFile) hasEntry(a keyAttr) bool {
	_, ok := k.entry(a)
	return ok
}

func (k *keysFile) atEnd() string {
	return fmt.Sprintf("the set that ends in line %d", lineOf(k.Src, k.End))
}

// form is how an entry has a key: alone, in a list, or in a set by a role that
// all have.
func (k *keysFile) form(quoted string) string {
	roles := map[string]int{}
	sets, lists, alone := 0, 0, 0
	for _, a := range k.Attrs {
		switch {
		case a.InLet || IsUserSet(a.Path[0]) || IsHostSet(a.Path[0]):
		case len(a.Path) == 1 && a.IsSet():
			sets++
		case len(a.Path) == 1 && len(a.Value) == 1 && a.Value[0].Kind == nixtext.String:
			alone++
		case len(a.Path) == 1:
			lists++
		case len(a.Path) == 2:
			roles[a.Last()]++
		}
	}
	for _, role := range []string{"system", "host", "machine", "root"} {
		if sets > 0 && roles[role] == sets {
			return "{ " + role + " = " + quoted + "; }"
		}
	}
	if alone > 0 && lists == 0 {
		return quoted
	}
	return "[ " + quoted + " ]"
}

// unread are what a person may do to a file that is not understood.
func (n NewKey) unread(src []byte) []*KeysEdit {
	if n.Rules {
		return []*KeysEdit{n.Left(src)}
	}
	return []*KeysEdit{n.appended(src), n.Left(src)}
}

// appended is an entry after whatever set the file makes.
func (n NewKey) appended(src []byte) *KeysEdit {
	line := HandLine{"the end of the file, on a line of its own", fmt.Sprintf(`// { %s = "%s"; }`, nixtext.Name(n.Host), n.Recipient)}
	data := bytes.TrimRight(src, "\r\n")
	return &KeysEdit{Data: fmt.Appendf(slices.Clone(data), "\n%s\n", line.Text), ByHand: []HandLine{line}}
}

// Left leaves the file: the key goes into the rules as it is.
func (n NewKey) Left(src []byte) *KeysEdit {
	return &KeysEdit{Data: src, ByHand: []HandLine{{"publicKeys of each secret that " + n.Host + " is to open", `"` + n.Recipient + `"`}}}
}

// Computes tells whether a file makes lists or sets of others, so that a key
// more may be one more in them: of people's alone does not count.
func Computes(src []byte) bool {
	tokens, err := nixtext.Tokenize(src)
	if err != nil {
		return true
	}
	for i, t := range tokens {
		switch {
		case t.Kind != nixtext.Ident || i > 0 && tokens[i-1].Is(".") && !tokens[max(0, i-2)].IsIdent("builtins"):
		case t.Text == "builtins" && i+2 < len(tokens) && tokens[i+2].IsIdent("attrValues"):
		case t.Text == "attrValues" && ofPeople(tokens[i+1:]):
		case slices.Contains([]string{"builtins", "attrValues", "lib", "with", "map", "if"}, t.Text):
			return true
		case i+1 < len(tokens) && tokens[i+1].Is(":"): // a function
			return true
		}
		if t.Is("//") || t.Is("?") || t.Is("@") || t.Is(":") {
			return true
		}
	}
	return false
}

// ofPeople tells whether what follows attrValues is a set of people:
// users, or keys.users.
func ofPeople(tokens []nixtext.Token) bool {
	last := 0
	for last+2 < len(tokens) && tokens[last+1].Is(".") {
		last += 2
	}
	return last < len(tokens) && tokens[last].Kind == nixtext.Ident && IsUserSet(tokens[last].Text)
}
