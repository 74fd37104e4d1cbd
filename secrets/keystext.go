package secrets

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"auto-installer/secrets/nixtext"
)

// How an edit of keys.nix looks in the text.

// change replaces bytes of a file.
type change struct {
	from, to int
	text     string
}

// copyOf is a copy of a binding for another host, put after another one.
func (k *keysFile) copyOf(a, after nixtext.Attr, host string, inside []change) change {
	name := a.Names[len(a.Names)-1]
	inside = append([]change{{name.From, name.To, attrName(host, name.Kind == nixtext.String)}}, inside...)
	inside = append(inside, k.alignment(a, name, len(attrName(host, name.Kind == nixtext.String)))...)
	inside = append(inside, k.comments(a)...)
	text := string(splice(k.Src, a.From, a.To, inside))

	lineStart := bytes.LastIndexByte(k.Src[:after.From], '\n') + 1
	indent := k.Src[lineStart:after.From]
	if strings.TrimLeft(string(indent), " \t") != "" {
		return change{after.To, after.To, " " + text} // several on a line
	}
	end := nixtext.LineEnd(k.Src, after.To)
	rest := strings.TrimSpace(string(k.Src[after.To:end]))
	if rest != "" && !strings.HasPrefix(rest, "#") {
		return change{after.To, after.To, " " + text}
	}
	newline := "\n"
	if end > 0 && end < len(k.Src) && k.Src[end-1] == '\r' {
		newline = "\r\n"
		end--
	}
	return change{end, end, newline + string(indent) + text}
}

// alignment keeps the = in the column in which the set has all of its own.
func (k *keysFile) alignment(a nixtext.Attr, name nixtext.Token, width int) []change {
	column, padded := -1, false
	for _, b := range k.Attrs {
		if !b.Beside(a) || len(b.Names) != len(a.Names) {
			continue
		}
		n := b.Names[len(b.Names)-1]
		eq := n.To + bytes.IndexByte(k.Src[n.To:], '=')
		if gap := string(k.Src[n.To:eq]); strings.Trim(gap, " ") != "" {
			return nil
		}
		if column >= 0 && column != eq-n.From {
			return nil
		}
		column, padded = eq-n.From, padded || eq-n.To > 1
	}
	if !padded {
		return nil
	}
	eq := name.To + bytes.IndexByte(k.Src[name.To:], '=')
	return []change{{name.To, eq, strings.Repeat(" ", max(1, column-width))}}
}

// comments are the changes that leave out a binding's inner comments: they
// tell of another host.
func (k *keysFile) comments(a nixtext.Attr) []change {
	var list []change
	at := a.From
	for _, t := range append(slices.Clone(a.Value), nixtext.Token{From: a.To - 1, To: a.To}) {
		for i := at; i < t.From; i++ {
			var end int
			switch {
			case k.Src[i] == '#' && i >= nameEnd(a):
				end = nixtext.LineEnd(k.Src, i)
			case bytes.HasPrefix(k.Src[i:t.From], []byte("/*")):
				end = i + 2 + bytes.Index(k.Src[i+2:], []byte("*/")) + 2
			default:
				continue
			}
			from := i
			for from > at && (k.Src[from-1] == ' ' || k.Src[from-1] == '\t') {
				from--
			}
			// Of a line of its own, the line too.
			if from > at && k.Src[from-1] == '\n' && end < len(k.Src) && k.Src[end] == '\n' {
				from--
			}
			list = append(list, change{from, end, ""})
			i = end - 1
		}
		at = max(at, t.To)
	}
	return list
}

func nameEnd(a nixtext.Attr) int { return a.Names[len(a.Names)-1].To }

func attrName(host string, quoted bool) string {
	if quoted {
		return `"` + host + `"`
	}
	return nixtext.Name(host)
}

// splice is the file from one place to another, with changes.
func splice(src []byte, from, to int, changes []change) []byte {
	sort.SliceStable(changes, func(i, j int) bool { return changes[i].from < changes[j].from })
	var out []byte
	for _, c := range changes {
		if c.from < from {
			continue
		}
		out = append(append(out, src[from:c.from]...), c.text...)
		from = c.to
	}
	return append(out, src[from:to]...)
}

func (k *keysFile) apply(changes []change) *KeysEdit {
	e := &KeysEdit{Data: splice(k.Src, 0, len(k.Src), changes)}
	e.Removed, e.Added = differ(k.Src, e.Data)
	return e
}

// differ are the lines that only one of two files has, in order: a change to a
// few lines needs nothing cleverer.
func differ(old, changed []byte) (removed, added []string) {
	count := func(b []byte) map[string]int {
		m := map[string]int{}
		for line := range bytes.Lines(b) {
			m[string(line)]++
		}
		return m
	}
	only := func(b []byte, other map[string]int) (list []string) {
		for line := range bytes.Lines(b) {
			if other[string(line)]--; other[string(line)] < 0 {
				list = append(list, strings.TrimRight(string(line), "\r\n"))
			}
		}
		return list
	}
	return only(old, count(changed)), only(changed, count(old))
}
