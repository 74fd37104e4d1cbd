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

var (
	nixPath   = regexp.MustCompile(`^(~|[a-zA-Z0-9._+-]*)(/[a-zA-Z0-9._+-]+)+/?`)
	nixSearch = regexp.MustCompile(`^<[a-zA-Z0-9._+-]+(/[a-zA-Z0-9._+-]+)*>`)
	nixIdent  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_'-]*`)
	nixNumber = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?`)
	nixOp     = regexp.MustCompile(`^(\.\.\.|\$\{|==|!=|<=|>=|&&|\|\||->|\+\+|//|.)`)
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
	rest := src[at:]
	line := src[at:LineEnd(src, at)] // no token but strings goes on in the next one
	found := func(kind Kind, n int) (Token, error) {
		return Token{kind, at, at + n, string(rest[:n])}, nil
	}
	if rest[0] == '"' {
		return stringToken(src, at)
	}
	if bytes.HasPrefix(rest, []byte("''")) {
		return indentedToken(src, at)
	}
	if m := nixPath.Find(line); m != nil {
		return found(Path, len(m))
	}
	if m := nixSearch.Find(line); m != nil {
		return found(Path, len(m))
	}
	if m := nixIdent.Find(line); m != nil {
		return found(Ident, len(m))
	}
	if m := nixNumber.Find(line); m != nil {
		return found(Number, len(m))
	}
	if m := nixOp.Find(line); m != nil {
		return found(Op, len(m))
	}
	return Token{}, &SyntaxError{at, fmt.Sprintf("unexpected byte %#x", rest[0])}
}

// stringToken reads "…".
func stringToken(src []byte, at int) (Token, error) {
	kind := String
	for i := at + 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			kind = Mixed // no key has an escape, so it is not decoded
			i++
		case '"':
			return Token{kind, at, i + 1, string(src[at : i+1])}, nil
		case '$':
			if i+1 < len(src) && src[i+1] == '{' {
				kind = Mixed
				end, err := interpolation(src, i)
				if err != nil {
					return Token{}, err
				}
				i = end - 1
			}
		}
	}
	return Token{}, &SyntaxError{at, "a string has no end"}
}

// indentedToken reads a string in pairs of single quotes.
func indentedToken(src []byte, at int) (Token, error) {
	for i := at + 2; i < len(src); i++ {
		switch {
		case bytes.HasPrefix(src[i:], []byte("'''")), bytes.HasPrefix(src[i:], []byte("''$")):
			i += 2
		case bytes.HasPrefix(src[i:], []byte(`''\`)):
			i += 3
		case bytes.HasPrefix(src[i:], []byte("''")):
			return Token{Mixed, at, i + 2, string(src[at : i+2])}, nil
		case bytes.HasPrefix(src[i:], []byte("$${")):
			i++
		case bytes.HasPrefix(src[i:], []byte("${")):
			end, err := interpolation(src, i)
			if err != nil {
				return Token{}, err
			}
			i = end - 1
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
