package hosts

import (
	"fmt"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// place is a position in a definition: line and column from 1, in bytes.
type place struct{ line, column int }

// places holds where each key, each table and each element of a list begins,
// by its full key (labels.efi, extraMountDirs[2]).
type places map[string]place

// nearest gives the place of key; or of the list or table that it belongs to;
// or the file's first line.
func (p places) nearest(key string) place {
	for key != "" {
		if at, ok := p[key]; ok {
			return at
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return place{1, 1}
}

// maxDepth is how many parts of a key locate reads. No option has more than two,
// and a megabyte of "a.a.a." must not cost a megabyte for each part.
const maxDepth = 3

// locate finds the place of every key in data up to the first syntax error, and
// the keys that are set twice. go-toml refuses those too, but gives no line
// within an inline table.
func locate(data []byte) (places, Errors) {
	l := locator{data: data, found: places{}, set: places{}}
	for i, b := range data {
		if b == '\n' {
			l.newlines = append(l.newlines, i)
		}
	}
	l.parser.Reset(data)
	var table prefix
	lists := map[string]int{}
	for l.parser.NextExpression() {
		switch node := l.parser.Expression(); node.Kind {
		case unstable.Table:
			table, _ = l.key(prefix{}, node)
		case unstable.ArrayTable:
			table, _ = l.key(prefix{}, node)
			lists[table.key]++
			table.key += fmt.Sprintf("[%d]", lists[table.key])
		case unstable.KeyValue:
			l.keyValue(table, node)
		}
	}
	return l.found, l.repeated
}

type locator struct {
	parser   unstable.Parser
	data     []byte
	newlines []int // offsets
	found    places
	set      places // the keys that have a value
	repeated Errors
}

// prefix is the table of a key, and the number of its parts.
type prefix struct {
	key   string
	depth int
}

// key notes the places of node's key and of each table in it. It returns the
// whole key, cut at maxDepth, and the place of its last part.
func (l *locator) key(in prefix, node *unstable.Node) (prefix, place) {
	var at place
	for parts := node.Key(); parts.Next() && in.depth < maxDepth; in.depth++ {
		if in.key != "" {
			in.key += "."
		}
		in.key += keyPart(string(parts.Node().Data))
		at = l.note(in.key, parts.Node())
	}
	return in, at
}

func (l *locator) keyValue(table prefix, node *unstable.Node) {
	if table.depth >= maxDepth {
		return
	}
	key, at := l.key(table, node)
	if first, again := l.set[key.key]; again && key.depth < maxDepth {
		l.repeated = append(l.repeated, &Error{
			Line: at.line, Column: at.column, Key: key.key,
			Problem: fmt.Sprintf("is set twice, first in line %d", first.line), Allowed: "each key once",
			hint: "keep one of the two",
		})
		return
	}
	l.set[key.key], l.found[key.key] = at, at

	value := node.Value()
	for i, children := 1, value.Children(); children.Next(); i++ {
		switch child := children.Node(); {
		case value.Kind == unstable.InlineTable:
			l.keyValue(key, child)
		case child.Raw.Length > 0: // an element of a list, other than a list
			l.note(fmt.Sprintf("%s[%d]", key.key, i), child)
		}
	}
}

// note notes the first place of key, and returns the place of node.
func (l *locator) note(key string, node *unstable.Node) place {
	offset := int(node.Raw.Offset)
	line := sort.SearchInts(l.newlines, offset)
	at := place{line: line + 1, column: offset + 1}
	if line > 0 {
		at.column = offset - l.newlines[line-1]
	}
	if _, known := l.found[key]; !known {
		l.found[key] = at
	}
	return at
}
