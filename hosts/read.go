package hosts

import (
	"cmp"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// places holds the line of each key, each table and each element of a list, by
// its full key (labels.efi, extraMountDirs[2]).
type places map[string]int

// nearest gives the place of key; or of the list or table that it belongs to;
// or the file's first line.
func (p places) nearest(key string) int {
	for key != "" {
		if line, ok := p[key]; ok {
			return line
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 1
}

// reader moves a definition into a Host, up to the first syntax error, and collects
// mistakes. Of keys that are set twice go-toml gives no line within an inline table.
type reader struct {
	options  map[string]reflect.Value // of the Host to fill, by key
	parser   unstable.Parser
	newlines []int // offsets
	places   places
	set      places          // the keys that have a value
	bad      map[string]bool // keys with a refused value
	problems Errors
	repeated Errors
}

func (r *reader) read(data []byte) {
	for i, b := range data {
		if b == '\n' {
			r.newlines = append(r.newlines, i)
		}
	}
	r.parser.Reset(data)
	table, known := "", true
	for r.parser.NextExpression() {
		node := r.parser.Expression()
		if node.Kind == unstable.KeyValue {
			if known {
				r.keyValue(table, node)
			}
			continue
		}
		table, _, known = r.key("", node)
		switch {
		case !known:
		case node.Kind == unstable.ArrayTable:
			known = false
			r.refuse(table, "is a list")
		case !isTable(table):
			known = false
			r.refuse(table, "is a table")
		}
	}
}

// key goes down a dotted key from a table, and notes the place of each part. It
// refuses a part other than the last that is not a table.
func (r *reader) key(table string, node *unstable.Node) (key string, line int, ok bool) {
	for parts := node.Key(); parts.Next(); {
		if line > 0 && !isTable(key) {
			r.refuse(key, "is a table")
			return key, line, false
		}
		if key = cmp.Or(key, table); key != "" {
			key += "."
		}
		key += keyPart(string(parts.Node().Data))
		line = r.note(key, parts.Node())
	}
	return key, line, true
}

func (r *reader) keyValue(table string, node *unstable.Node) {
	key, line, ok := r.key(table, node)
	if !ok {
		return
	}
	if first, again := r.set[key]; again {
		r.repeated = append(r.repeated, &Error{
			Line: line, Key: key, Problem: fmt.Sprintf("is set twice, first in line %d", first), Allowed: "each key once",
			hint: "keep one of the two",
		})
		return
	}
	r.set[key], r.places[key] = line, line
	value := node.Value()
	option := r.options[key]
	switch is, kind := value.Kind, option.Kind(); {
	case isTable(key) && is == unstable.InlineTable:
		for children := value.Children(); children.Next(); {
			r.keyValue(key, children.Node())
		}
		return
	case kind == reflect.String && is == unstable.String:
		option.SetString(string(value.Data))
		return
	case kind == reflect.Bool && is == unstable.Bool:
		option.SetBool(string(value.Data) == "true")
		return
	case kind == reflect.Int && is == unstable.Integer:
		if n, err := strconv.ParseInt(string(value.Data), 0, strconv.IntSize); err == nil {
			option.SetInt(n)
			return
		}
	case kind == reflect.Slice && is == unstable.Array:
		option.Set(reflect.ValueOf(r.list(key, value)))
		return
	}
	r.refuse(key, describe(value))
}

// list reads a list of strings. An empty one is nil, the default, so that equal
// definitions are equal Hosts.
func (r *reader) list(key string, value *unstable.Node) (list []string) {
	for children := value.Children(); children.Next(); {
		child, at := children.Node(), fmt.Sprintf("%s[%d]", key, len(list)+1)
		if child.Raw.Length > 0 { // a list has none
			r.note(at, child)
		}
		if child.Kind != unstable.String {
			r.refuse(at, describe(child))
		}
		list = append(list, string(child.Data)) // a refused one keeps the numbers of those behind it
	}
	return list
}

// note notes the first line of key, and returns the line of node.
func (r *reader) note(key string, node *unstable.Node) int {
	line := 1 + sort.SearchInts(r.newlines, int(node.Raw.Offset))
	if _, known := r.places[key]; !known {
		r.places[key] = line
	}
	return line
}

// refuse reports the value of a key, or of an element of its list. An unknown key is
// refused whatever its value.
func (r *reader) refuse(key, problem string) {
	if r.bad[key] {
		return
	}
	option, _, _ := strings.Cut(key, "[")
	allowed := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Slice: "a list of strings",
	}[r.options[option].Kind()]
	switch {
	case isTable(key):
		for _, known := range siblings(key + ".") {
			r.bad[known] = true
		}
		allowed = "a table with the keys " + strings.Join(siblings(key+"."), ", ")
	case allowed == "":
		problem = "unknown key"
		if near := nearest(key); near != "" {
			problem += ", did you mean " + near + "?"
		}
		allowed = strings.Join(siblings(key), ", ")
	}
	r.bad[key] = true
	r.problems = append(r.problems, &Error{Line: r.places.nearest(key), Key: key, Problem: problem, Allowed: allowed})
}

// describe names the type of a value.
func describe(value *unstable.Node) string {
	text := string(value.Data)
	switch value.Kind {
	case unstable.Array:
		return "is a list"
	case unstable.InlineTable:
		return "is a table"
	case unstable.String:
		text = quote(text)
	}
	kinds := map[unstable.Kind]string{
		unstable.String: "a string", unstable.Bool: "a boolean", unstable.Integer: "an integer", unstable.Float: "a float",
	}
	return text + " is " + cmp.Or(kinds[value.Kind], "a date or time")
}

// keyPart spells one part of a key as TOML does, bare or quoted: "labels.efi"
// in quotes is not efi in the table labels.
func keyPart(name string) string {
	if name != "" && onlyHas(name, alnum+"_-") {
		return name
	}
	return strconv.Quote(name)
}
