package hosts

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// maxKeys bounds the keys and tables of a definition: go-toml's search for
// repeated ones takes quadratic time, a minute for a megabyte of them.
const maxKeys = 10000

// Parse reads a definition strictly: an unknown or repeated key, a wrong type
// and a bad value are errors. file is for the messages only; without it they
// have no lines. Parse fails with Errors, which has every mistake; in broken
// TOML it finds only those before the break.
func Parse(file string, data []byte) (Host, error) {
	if len(data) > maxSize {
		return Host{}, Errors{{
			File: file, Problem: "is larger than 1 MiB", Allowed: "a host definition of at most 1 MiB",
			hint: "check that " + file + " is a host.toml",
		}}
	}
	if bytes.Count(data, []byte("="))+bytes.Count(data, []byte("[")) > maxKeys {
		return Host{}, Errors{{
			File: file, Problem: "has too many keys", Allowed: fmt.Sprintf("at most %d of = and [", maxKeys),
			hint: "check that " + file + " is a host.toml",
		}}
	}
	// By its byte order mark, or by the zero half of its first character.
	half := len(data) > 1 && (data[0] == 0) != (data[1] == 0)
	if half || bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return Host{}, Errors{{File: file, Line: 1, Problem: "is UTF-16 text", Allowed: "UTF-8", hint: "save " + file + " as UTF-8"}}
	}
	// Editors of other systems write a byte order mark, and CRLF, which TOML
	// allows to become LF (TOML 1.0, String).
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	places, repeated := locate(data)
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		if len(repeated) == 0 {
			repeated = Errors{syntaxError(err)}
		}
		return Host{}, inFile(file, repeated)
	}

	h := Default()
	d := decoder{places: places, options: fields(&h), bad: map[string]bool{}}
	d.table("", tree)
	for _, e := range h.Validate() {
		// In place of a refused value the Host has the default: a mistake in
		// that is not the user's.
		if !d.bad[e.Key] && !d.bad[e.related] {
			at := places.nearest(e.Key)
			e.Line, e.Column = at.line, at.column
			d.problems = append(d.problems, e)
		}
	}
	if len(d.problems) > 0 {
		return Host{}, inFile(file, d.problems)
	}
	return h, nil
}

func inFile(file string, problems Errors) Errors {
	for _, e := range problems {
		e.File = file
	}
	problems.sort()
	return problems
}

// syntaxError turns what go-toml reports into an *Error.
func syntaxError(err error) *Error {
	e := &Error{Line: 1, Column: 1, Problem: strings.TrimPrefix(err.Error(), "toml: "), cause: err}
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		e.Line, e.Column = at.Position()
	}
	return e
}

// decoder moves a TOML tree into a Host and collects mistakes.
type decoder struct {
	places   places
	options  []field // of the Host to fill
	problems Errors
	bad      map[string]bool // keys with a refused value
}

func (d *decoder) table(prefix string, tree map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		key := prefix + keyPart(name)
		value := tree[name]
		if isTable(key) {
			if sub, ok := value.(map[string]any); ok {
				d.table(key+".", sub)
				continue
			}
			for _, known := range siblings(key + ".") {
				d.bad[known] = true
			}
			d.refuse(key, describe(value), "a table with the keys "+strings.Join(siblings(key+"."), ", "))
			continue
		}
		d.option(key, value)
	}
}

func (d *decoder) option(key string, value any) {
	for _, f := range d.options {
		if f.key != key {
			continue
		}
		switch f.value.Interface().(type) {
		case string:
			set[string](d, f, value, "a string")
		case bool:
			set[bool](d, f, value, "true or false")
		case int:
			if n, ok := value.(int64); ok && int64(int(n)) == n {
				value = int(n)
			}
			set[int](d, f, value, "a whole number")
		case []string:
			d.list(f, value)
		}
		return
	}
	problem := "unknown key"
	if near := nearest(key); near != "" {
		problem += ", did you mean " + near + "?"
	}
	d.refuse(key, problem, strings.Join(siblings(key), ", "))
}

func set[T any](d *decoder, f field, value any, allowed string) {
	if fitting, ok := value.(T); ok {
		f.value.Set(reflect.ValueOf(fitting))
	} else {
		d.refuse(f.key, describe(value), allowed)
	}
}

// list sets a list of strings. An empty one becomes nil, the default, so that
// equal definitions are equal Hosts.
func (d *decoder) list(f field, value any) {
	const allowed = "a list of strings"
	elements, ok := value.([]any)
	if !ok {
		d.refuse(f.key, describe(value), allowed)
		return
	}
	var list []string
	for i, element := range elements {
		if text, ok := element.(string); ok {
			list = append(list, text)
			continue
		}
		d.refuse(fmt.Sprintf("%s[%d]", f.key, i+1), describe(element), allowed)
		list = append(list, "") // keeps the numbers of those behind it
	}
	f.value.Set(reflect.ValueOf(list))
}

func (d *decoder) refuse(key, problem, allowed string) {
	at := d.places.nearest(key)
	d.bad[key] = true
	d.problems = append(d.problems, &Error{
		Line: at.line, Column: at.column, Key: key, Problem: problem, Allowed: allowed,
	})
}

// describe names the type of a value.
func describe(value any) string {
	switch v := value.(type) {
	case string:
		return quote(v) + " is a string"
	case bool:
		return strconv.FormatBool(v) + " is a boolean"
	case int64:
		return strconv.FormatInt(v, 10) + " is an integer"
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64) + " is a float"
	case []any:
		return "is a list"
	case map[string]any:
		return "is a table"
	default:
		return fmt.Sprintf("%v is a date or time", v)
	}
}

// keyPart spells one part of a key as TOML does, bare or quoted: "labels.efi"
// in quotes is not efi in the table labels.
func keyPart(name string) string {
	if name != "" && onlyHas(name, alnum+"_-") {
		return name
	}
	return strconv.Quote(name)
}
