package keysnix

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"auto-installer/secrets/nixtext"
)

// change replaces bytes of a file.
type change struct {
	from, to int
	text     string
}

// like is the edit that copies a host's key and entry for another host.
func (k *keysFile) like(p pattern, c Claim) *Edit {
	changes := []change{k.copyOf(p.key.Attr, c.Host, []change{{p.key.key.From, p.key.key.To, `"` + c.Key + `"`}})}
	var notes []string
	if p.entry != nil {
		var refs []change
		for _, t := range k.references(*p.entry, p.key) {
			refs = append(refs, change{t.From, t.To, attrName(c.Host, t.Kind == nixtext.String)})
		}
		changes = append(changes, k.copyOf(*p.entry, c.Host, refs))
		notes = borrowed(*p.entry, p.key.Last(), c.Host)
	}
	edit := k.apply(changes)
	edit.Notes = slices.Concat(notes, k.lists(p.key.Attr, c.Host))
	return edit
}

// borrowed are notes about what an entry has that is named after its host, such
// as users."me@laptop".
func borrowed(e nixtext.Attr, like, host string) []string {
	var notes []string
	for _, t := range e.Value {
		if s, ok := t.Plain(); ok && s != like && strings.Contains(s, like) {
			notes = append(notes, fmt.Sprintf("the entry of %s has %s in it, copied from %s; change it if %s has its own", host, t.Text, like, host))
		}
	}
	return notes
}

// lists are notes about bindings that name hosts one by one.
func (k *keysFile) lists(like nixtext.Attr, host string) []string {
	var notes []string
	for _, a := range k.Attrs {
		if a.Set || isUserSet(setOf(a)) {
			continue
		}
		others := 0
		for _, key := range k.keys {
			if key.Beside(like) && key.Last() != a.Last() && len(k.references(a, key)) > 0 {
				others++
			}
		}
		if others > 1 {
			notes = append(notes, fmt.Sprintf("line %d: %s names hosts one by one; add %s there if it belongs to them",
				k.line(a), strings.Join(a.Path, "."), host))
		}
	}
	return notes
}

// copyOf inserts a copy of a binding for another host after it.
func (k *keysFile) copyOf(a nixtext.Attr, host string, inside []change) change {
	name := a.Names[len(a.Names)-1]
	inside = append([]change{{name.From, name.To, attrName(host, name.Kind == nixtext.String)}}, inside...)
	text := string(splice(k.Src, a.From, a.To, inside))

	lineStart := bytes.LastIndexByte(k.Src[:a.From], '\n') + 1
	indent := string(k.Src[lineStart:a.From])
	end := nixtext.LineEnd(k.Src, a.To)
	rest := strings.TrimSpace(string(k.Src[a.To:end]))
	if strings.TrimLeft(indent, " \t") != "" || rest != "" && !strings.HasPrefix(rest, "#") {
		return change{a.To, a.To, " " + text} // several bindings share the line
	}
	newline := "\n"
	if end > 0 && end < len(k.Src) && k.Src[end-1] == '\r' {
		newline = "\r\n"
		end--
	}
	return change{end, end, newline + indent + text}
}

func attrName(host string, quoted bool) string {
	if quoted {
		return `"` + host + `"`
	}
	return nixtext.Name(host)
}

// splice is a part of a file with changes.
func splice(src []byte, from, to int, changes []change) []byte {
	slices.SortStableFunc(changes, func(a, b change) int { return a.from - b.from })
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

func (k *keysFile) apply(changes []change) *Edit {
	data := splice(k.Src, 0, len(k.Src), changes)
	return &Edit{Data: data, Removed: without(k.Src, data), Added: without(data, k.Src)}
}

// without are the lines of a file that another one lacks, in order.
func without(src, other []byte) (list []string) {
	count := map[string]int{}
	for line := range bytes.Lines(other) {
		count[string(line)]++
	}
	for line := range bytes.Lines(src) {
		if count[string(line)]--; count[string(line)] < 0 {
			list = append(list, strings.TrimRight(string(line), "\r\n"))
		}
	}
	return list
}
