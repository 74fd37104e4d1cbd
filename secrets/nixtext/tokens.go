// Package nixtext finds the attributes of a Nix file in its text, so that an edit
// leaves every other byte alone. It evaluates nothing; nix does.
package nixtext

import (
	"bytes"
	"fmt"
	"regexp"
)

// Kind is what a token is.
type Kind byte

// The kinds of tokens.
const (
	Ident  Kind = 'i'
	String Kind = '"' // a whole string, quotes and all; interpolated ones are Mixed
	Mixed  Kind = '$' // a string or path with something computed in it, or an indented string
	Path   Kind = '/'
	Number Kind = '0'
	Op     Kind = 'o' // operators, brackets and all else
)

// Token is a word of a file, and where it stands.
type Token struct {
	Kind     Kind
	From, To int // bytes of the file
	Text     string
}

// Is reports whether the token is this operator or bracket.
func (t Token) Is(op string) bool { return t.Kind == Op && t.Text == op }

// IsIdent reports whether the token is this name.
func (t Token) IsIdent(n string) bool { return t.Kind == Ident && t.Text == n }

// Plain is the text of a string that needs no evaluation.
func (t Token) Plain() (string, bool) {
	if t.Kind != String {
		return "", false
	}
	return t.Text[1 : len(t.Text)-1], true
}

var nixIdent = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_'-]*`)

// kinds are the tokens that stand in one line. The first match counts.
var kinds = []struct {
	Kind
	*regexp.Regexp
}{
	{Path, regexp.MustCompile(`^(~|[a-zA-Z0-9._+-]*)(/[a-zA-Z0-9._+-]+)+/?`)},
	{Path, regexp.MustCompile(`^<[a-zA-Z0-9._+-]+(/[a-zA-Z0-9._+-]+)*>`)},
	{Ident, nixIdent},
	{Number, regexp.MustCompile(`^[0-9]+(\.[0-9]+)?`)},
	{Op, regexp.MustCompile(`^(\.\.\.|\$\{|==|!=|<=|>=|&&|\|\||->|\+\+|//|.)`)},
}

// What stands for itself, or for another character, in a string and in an indented one.
var (
	escaped         = regexp.MustCompile(`^\\(?s:.)`)
	escapedIndented = regexp.MustCompile(`^(''['$]|''\\(?s:.)?|\$\$)`)
)

// SyntaxError is a file that this package cannot read.
type SyntaxError struct {
	At  int // byte
	Why string
}

func (e *SyntaxError) Error() string { return e.Why }

// Tokenize splits a file into tokens, without white space and comments. The
// error is a *SyntaxError.
func Tokenize(src []byte) ([]Token, error) {
	var list []Token
	for at := 0; at < len(src); {
		next, err := skipBlank(src, at)
		if err != nil {
			return nil, err
		}
		if at = next; at == len(src) {
			break
		}
		t, err := nextToken(src, at)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
		at = t.To
	}
	return list, nil
}

// skipBlank is the place after white space and comments.
func skipBlank(src []byte, at int) (int, error) {
	for at < len(src) {
		switch c := src[at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			at++
		case c == '#':
			at = LineEnd(src, at)
		case bytes.HasPrefix(src[at:], []byte("/*")):
			n := bytes.Index(src[at+2:], []byte("*/"))
			if n < 0 {
				return 0, &SyntaxError{at, "a comment has no end"}
			}
			at += 2 + n + 2
		default:
			return at, nil
		}
	}
	return at, nil
}

// LineEnd is the place of the line's end, before its line break.
func LineEnd(src []byte, at int) int {
	if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(src)
}

func nextToken(src []byte, at int) (Token, error) {
	switch rest := src[at:]; {
	case rest[0] == '"':
		return stringToken(src, at, String, `"`, escaped)
	case bytes.HasPrefix(rest, []byte("''")):
		return stringToken(src, at, Mixed, "''", escapedIndented)
	}
	line := src[at:LineEnd(src, at)]
	for _, k := range kinds {
		if m := k.Find(line); m != nil {
			return Token{k.Kind, at, at + len(m), string(m)}, nil
		}
	}
	return Token{}, &SyntaxError{at, fmt.Sprintf("unexpected byte %#x", src[at])}
}

// stringToken reads a string to its closing quote. With an escape it is Mixed: no key
// has one, so it is not decoded.
func stringToken(src []byte, at int, kind Kind, quote string, escape *regexp.Regexp) (Token, error) {
	for i := at + len(quote); i < len(src); {
		rest := src[i:]
		switch m := escape.Find(rest); {
		case m != nil:
			kind = Mixed
			i += len(m)
		case bytes.HasPrefix(rest, []byte(quote)):
			end := i + len(quote)
			return Token{kind, at, end, string(src[at:end])}, nil
		case bytes.HasPrefix(rest, []byte("${")):
			kind = Mixed
			end, err := interpolation(src, i)
			if err != nil {
				return Token{}, err
			}
			i = end
		default:
			i++
		}
	}
	return Token{}, &SyntaxError{at, "a string has no end"}
}

// interpolation is the place after the } of a ${ in a string.
func interpolation(src []byte, at int) (int, error) {
	depth := 0
	for i := at + 2; ; {
		next, err := skipBlank(src, i)
		if err != nil {
			return 0, err
		}
		if next == len(src) {
			return 0, &SyntaxError{at, "${ has no end"}
		}
		t, err := nextToken(src, next)
		if err != nil {
			return 0, err
		}
		i = t.To
		switch {
		case t.Is("{"), t.Is("${"):
			depth++
		case t.Is("}"):
			if depth == 0 {
				return i, nil
			}
			depth--
		}
	}
}
