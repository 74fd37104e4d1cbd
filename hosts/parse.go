package hosts

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
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
	h := Default()
	r := reader{options: map[string]reflect.Value{}, places: places{}, set: places{}, bad: map[string]bool{}}
	for _, f := range fields(&h) {
		r.options[f.key] = f.value
	}
	r.read(data)
	if err := toml.Unmarshal(data, &map[string]any{}); err != nil {
		if len(r.repeated) == 0 {
			r.repeated = Errors{syntaxError(err)}
		}
		return Host{}, inFile(file, r.repeated)
	}
	for _, e := range h.Validate() {
		// In place of a refused value the Host has the default: a mistake in
		// that is not the user's.
		if !r.bad[e.Key] && !r.bad[e.related] {
			e.Line = r.places.nearest(e.Key)
			r.problems = append(r.problems, e)
		}
	}
	if len(r.problems) > 0 {
		return Host{}, inFile(file, r.problems)
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
	e := &Error{Line: 1, Problem: strings.TrimPrefix(err.Error(), "toml: "), cause: err}
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		e.Line, _ = at.Position()
	}
	return e
}
