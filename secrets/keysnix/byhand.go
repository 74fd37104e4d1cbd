package keysnix

import (
	"bytes"
	"fmt"
	"slices"

	"auto-installer/secrets/nixtext"
)

// byHand are lines that the user may add, the best first: the key and an entry in
// their sets, the key in the let, an entry with the key. The last one leaves the
// file as it is.
func (k *keysFile) byHand(n NewKey) []*KeysEdit {
	var list []*KeysEdit
	name, quoted := nixtext.Name(n.Host), `"`+n.Recipient+`"`
	end := fmt.Sprintf("the set that ends in line %d", lineOf(k.Src, k.End))
	set, _ := k.hostSet(n.Known)
	for _, a := range k.Attrs {
		if set == "" || !a.Set || !slices.Equal(a.Path, []string{set}) {
			continue
		}
		key := HandLine{fmt.Sprintf("the set %s, which starts in line %d", set, k.line(a)), name + " = " + quoted + ";"}
		e := &KeysEdit{Data: k.Src, ByHand: []HandLine{key}}
		hasEntry := func(a keyAttr) bool { return k.entry(a) != nil }
		if a.InLet && k.End > 0 && !n.Rules && slices.ContainsFunc(k.keys, hasEntry) {
			entry := HandLine{end, fmt.Sprintf("%s = [ %s.%s ];", name, set, name)}
			e.ByHand = append(e.ByHand, entry)
			e.Data = nixtext.Before(e.Data, k.End, entry.Text) // it stands below the key, so first
		}
		e.Data = nixtext.Before(e.Data, a.End(), key.Text)
		list = append(list, e)
		break
	}
	bare := slices.ContainsFunc(k.keys, func(a keyAttr) bool { return a.InLet && len(a.Path) == 1 })
	if k.In > 0 && (n.Rules || bare) {
		list = append(list, k.lineBefore(k.In, fmt.Sprintf("the let, whose in is in line %d", lineOf(k.Src, k.In)), name+" = "+quoted+";"))
	}
	switch {
	case n.Rules:
	case k.End > 0:
		list = append(list, k.lineBefore(k.End, end, name+" = "+k.form(quoted)+";"))
	default:
		list = append(list, n.appended(k.Src))
	}
	return append(list, n.Left(k.Src))
}

func (k *keysFile) lineBefore(at int, place, text string) *KeysEdit {
	return &KeysEdit{Data: nixtext.Before(k.Src, at, text), ByHand: []HandLine{{place, text}}}
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

// unread are lines for a file that cannot be read.
func (n NewKey) unread(src []byte) []*KeysEdit {
	if n.Rules {
		return []*KeysEdit{n.Left(src)}
	}
	return []*KeysEdit{n.appended(src), n.Left(src)}
}

// appended adds an entry to the set that a file makes in some way.
func (n NewKey) appended(src []byte) *KeysEdit {
	line := HandLine{"the end of the file, on a line of its own", fmt.Sprintf(`// { %s = "%s"; }`, nixtext.Name(n.Host), n.Recipient)}
	data := bytes.TrimRight(src, "\r\n")
	return &KeysEdit{Data: fmt.Appendf(slices.Clone(data), "\n%s\n", line.Text), ByHand: []HandLine{line}}
}

// Left leaves the file: the key goes into the rules.
func (n NewKey) Left(src []byte) *KeysEdit {
	return &KeysEdit{Data: src, ByHand: []HandLine{{"publicKeys of each secret that " + n.Host + " is to open", `"` + n.Recipient + `"`}}}
}
