package hosts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Error is one mistake in a host's definition.
type Error struct {
	File    string // as given to Parse; empty for a Host made in Go
	Line    int    // counted from 1; 0 if unknown
	Key     string // such as labels.efi, or extraMountDirs[2] for the second; empty for the file as a whole
	Problem string // what is wrong
	Allowed string // may be empty

	hint    string // in place of "correct that line", if not empty
	related string // a second key of the problem
	cause   error
}

// Error reads file:line: key: problem; allowed: value.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.where() + ": ")
	}
	if e.Key != "" {
		b.WriteString(shorten(e.Key) + ": ")
	}
	b.WriteString(e.Problem)
	if e.Allowed != "" {
		b.WriteString("; allowed: " + e.Allowed)
	}
	return b.String()
}

// Hint says how to correct it.
func (e *Error) Hint() string {
	switch {
	case e.hint != "":
		return e.hint
	case e.File == "" && e.Key == "":
		return "correct the host's definition"
	case e.File == "":
		return "correct " + shorten(e.Key) + " in the host's definition"
	default:
		return "correct " + e.where()
	}
}

// Unwrap gives the error of the system or of the TOML parser, or nil.
func (e *Error) Unwrap() error { return e.cause }

func (e *Error) where() string {
	if e.Line == 0 {
		return e.File
	}
	return fmt.Sprintf("%s:%d", e.File, e.Line)
}

// Errors is every mistake in one definition, in the order of its lines.
type Errors []*Error

// maxShown keeps the report on a hopeless file readable.
const maxShown = 40

// Error gives a line for each mistake.
func (es Errors) Error() string {
	var lines []string
	for i, e := range es {
		if i == maxShown {
			lines = append(lines, fmt.Sprintf("and %d more problems", len(es)-maxShown))
			break
		}
		lines = append(lines, e.Error())
	}
	return strings.Join(lines, "\n")
}

// Hint says how to correct all of them.
func (es Errors) Hint() string {
	switch {
	case len(es) == 0:
		return ""
	case len(es) == 1:
		return es[0].Hint()
	case es[0].File == "":
		return fmt.Sprintf("correct these %d options of the host's definition", len(es))
	default:
		return fmt.Sprintf("correct these %d places in %s", len(es), es[0].File)
	}
}

// Unwrap lets errors.As find the first *Error.
func (es Errors) Unwrap() []error {
	all := make([]error, len(es))
	for i, e := range es {
		all[i] = e
	}
	return all
}

func (es Errors) sort() {
	slices.SortStableFunc(es, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
}

// quote escapes a value for a message, and cuts a very long one.
func quote(value string) string {
	return fmt.Sprintf("%q", shorten(value))
}

func shorten(text string) string {
	const most = 80 // bytes
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
