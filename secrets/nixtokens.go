package secrets

import (
	"bytes"
	"fmt"
	"regexp"
)

// As much of the Nix language as is needed to find attributes in a file and
// leave every other byte alone: tokens with their places, and the brackets that
// they form.

type tokenKind byte

const (
	tokIdent  tokenKind = 'i'
	tokString tokenKind = '"' // a whole string, quotes and all; interpolated ones are tokMixed
	tokMixed  tokenKind = '$' // a string or path with something computed in it, or an indented string
	tokPath   tokenKind = '/'
	tokNumber tokenKind = '0'
	tokOp     tokenKind = 'o' // operators, brackets and all else
)

type token struct {
	kind     tokenKind
	from, to int // bytes of the file
	text     string
}

func (t token) is(op string) bool     { return t.kind == tokOp && t.text == op }
func (t token) isIdent(n string) bool { return t.kind == tokIdent && t.text == n }
func (t token) plain() (string, bool) {
	if t.kind != tokString {
		return "", false
	}
	return t.text[1 : len(t.text)-1], true
}

var (
	nixPath   = regexp.MustCompile(`^(~|[a-zA-Z0-9._+-]*)(/[a-zA-Z0-9._+-]+)+/?`)
	nixSearch = regexp.MustCompile(`^<[a-zA-Z0-9._+-]+(/[a-zA-Z0-9._+-]+)*>`)
	nixIdent  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_'-]*`)
	nixNumber = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?`)
	nixOp     = regexp.MustCompile(`^(\.\.\.|\$\{|==|!=|<=|>=|&&|\|\||->|\+\+|//|.)`)
)

// syntaxError is where a file is not Nix as we read it.
type syntaxError struct {
	at  int
	why string
}

func (e *syntaxError) Error() string { return e.why }

// tokenize splits a file, without white space and comments.
func tokenize(src []byte) ([]token, error) {
	var list []token
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
		at = t.to
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
			at = lineEnd(src, at)
		case bytes.HasPrefix(src[at:], []byte("/*")):
			n := bytes.Index(src[at+2:], []byte("*/"))
			if n < 0 {
				return 0, &syntaxError{at, "a comment has no end"}
			}
			at += 2 + n + 2
		default:
			return at, nil
		}
	}
	return at, nil
}

// lineEnd is the place of the line's end, before its line break.
func lineEnd(src []byte, at int) int {
	if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(src)
}

func nextToken(src []byte, at int) (token, error) {
	rest := src[at:]
	found := func(kind tokenKind, n int) (token, error) {
		return token{kind, at, at + n, string(rest[:n])}, nil
	}
	if rest[0] == '"' {
		return stringToken(src, at)
	}
	if bytes.HasPrefix(rest, []byte("''")) {
		return indentedToken(src, at)
	}
	if m := nixPath.Find(rest); m != nil {
		return found(tokPath, len(m))
	}
	if m := nixSearch.Find(rest); m != nil {
		return found(tokPath, len(m))
	}
	if m := nixIdent.Find(rest); m != nil {
		return found(tokIdent, len(m))
	}
	if m := nixNumber.Find(rest); m != nil {
		return found(tokNumber, len(m))
	}
	if m := nixOp.Find(rest); m != nil {
		return found(tokOp, len(m))
	}
	return token{}, &syntaxError{at, fmt.Sprintf("unexpected byte %#x", rest[0])}
}

// stringToken reads "…".
func stringToken(src []byte, at int) (token, error) {
	kind := tokString
	for i := at + 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			kind = tokMixed // not worth unescaping: no key has one
			i++
		case '"':
			return token{kind, at, i + 1, string(src[at : i+1])}, nil
		case '$':
			if i+1 < len(src) && src[i+1] == '{' {
				kind = tokMixed
				end, err := interpolation(src, i)
				if err != nil {
					return token{}, err
				}
				i = end - 1
			}
		}
	}
	return token{}, &syntaxError{at, "a string has no end"}
}

// indentedToken reads two quotes to two quotes.
func indentedToken(src []byte, at int) (token, error) {
	for i := at + 2; i < len(src); i++ {
		switch {
		case bytes.HasPrefix(src[i:], []byte("'''")), bytes.HasPrefix(src[i:], []byte("''$")):
			i += 2
		case bytes.HasPrefix(src[i:], []byte(`''\`)):
			i += 3
		case bytes.HasPrefix(src[i:], []byte("''")):
			return token{tokMixed, at, i + 2, string(src[at : i+2])}, nil
		case bytes.HasPrefix(src[i:], []byte("$${")):
			i++
		case bytes.HasPrefix(src[i:], []byte("${")):
			end, err := interpolation(src, i)
			if err != nil {
				return token{}, err
			}
			i = end - 1
		}
	}
	return token{}, &syntaxError{at, "a string has no end"}
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
			return 0, &syntaxError{at, "${ has no end"}
		}
		t, err := nextToken(src, next)
		if err != nil {
			return 0, err
		}
		i = t.to
		switch {
		case t.is("{"), t.is("${"):
			depth++
		case t.is("}"):
			if depth == 0 {
				return i, nil
			}
			depth--
		}
	}
}
