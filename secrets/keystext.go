package secrets

import (
	"bytes"
	"slices"
	"sort"
	"strings"
)

// How an edit of keys.nix looks in the text.

// change replaces bytes of a file.
type change struct {
	from, to int
	text     string
}

// copyOf is a copy of a binding for another host, put after another one.
func (k *keysFile) copyOf(a, after attr, host string, inside []change) change {
	name := a.names[len(a.names)-1]
	inside = append([]change{{name.from, name.to, attrName(host, name.kind == tokString)}}, inside...)
	inside = append(inside, k.alignment(a, name, len(attrName(host, name.kind == tokString)))...)
	inside = append(inside, k.comments(a)...)
	text := string(splice(k.src, a.from, a.to, inside))

	lineStart := bytes.LastIndexByte(k.src[:after.from], '\n') + 1
	indent := k.src[lineStart:after.from]
	if strings.TrimLeft(string(indent), " \t") != "" {
		return change{after.to, after.to, " " + text} // several on a line
	}
	end := lineEnd(k.src, after.to)
	rest := strings.TrimSpace(string(k.src[after.to:end]))
	if rest != "" && !strings.HasPrefix(rest, "#") {
		return change{after.to, after.to, " " + text}
	}
	newline := "\n"
	if end > 0 && end < len(k.src) && k.src[end-1] == '\r' {
		newline = "\r\n"
		end--
	}
	return change{end, end, newline + string(indent) + text}
}

// alignment keeps the = in the column in which the set has all of its own.
func (k *keysFile) alignment(a attr, name token, width int) []change {
	column, padded := -1, false
	for _, b := range k.attrs {
		if !b.beside(a) || len(b.names) != len(a.names) {
			continue
		}
		n := b.names[len(b.names)-1]
		eq := n.to + bytes.IndexByte(k.src[n.to:], '=')
		if gap := string(k.src[n.to:eq]); strings.Trim(gap, " ") != "" {
			return nil
		}
		if column >= 0 && column != eq-n.from {
			return nil
		}
		column, padded = eq-n.from, padded || eq-n.to > 1
	}
	if !padded {
		return nil
	}
	eq := name.to + bytes.IndexByte(k.src[name.to:], '=')
	return []change{{name.to, eq, strings.Repeat(" ", max(1, column-width))}}
}

// comments are the changes that leave out a binding's inner comments: they
// tell of another host.
func (k *keysFile) comments(a attr) []change {
	var list []change
	at := a.from
	for _, t := range append(slices.Clone(a.value), token{from: a.to - 1, to: a.to}) {
		for i := at; i < t.from; i++ {
			var end int
			switch {
			case k.src[i] == '#' && i >= nameEnd(a):
				end = lineEnd(k.src, i)
			case bytes.HasPrefix(k.src[i:t.from], []byte("/*")):
				end = i + 2 + bytes.Index(k.src[i+2:], []byte("*/")) + 2
			default:
				continue
			}
			from := i
			for from > at && (k.src[from-1] == ' ' || k.src[from-1] == '\t') {
				from--
			}
			// Of a line of its own, the line too.
			if from > at && k.src[from-1] == '\n' && end < len(k.src) && k.src[end] == '\n' {
				from--
			}
			list = append(list, change{from, end, ""})
			i = end - 1
		}
		at = max(at, t.to)
	}
	return list
}

func nameEnd(a attr) int { return a.names[len(a.names)-1].to }

// wholeLines is a binding with the lines that are its own.
func (k *keysFile) wholeLines(a attr) (from, to int) {
	start := bytes.LastIndexByte(k.src[:a.from], '\n') + 1
	end := lineEnd(k.src, a.to)
	before := strings.TrimLeft(string(k.src[start:a.from]), " \t")
	rest := strings.TrimSpace(string(k.src[a.to:end]))
	if before == "" && (rest == "" || strings.HasPrefix(rest, "#")) {
		return start, min(end+1, len(k.src))
	}
	from = a.from
	for from > start && (k.src[from-1] == ' ' || k.src[from-1] == '\t') {
		from--
	}
	if from == start {
		from = a.from
	}
	return from, a.to
}

func attrName(host string, quoted bool) string {
	if quoted || isKeyword(host) || nixIdent.FindString(host) != host {
		return `"` + host + `"`
	}
	return host
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
	e := &KeysEdit{Data: splice(k.src, 0, len(k.src), changes)}
	e.Removed, e.Added = differ(k.src, e.Data)
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
