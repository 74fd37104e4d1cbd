package nixtext

import (
	"bytes"
	"slices"
	"strings"
)

// Attr is one binding of an attribute set: its name or dotted path, and its
// value's tokens.
type Attr struct {
	Path     []string // from the scope's top
	Names    []Token  // the tokens of the binding's own path
	InLet    bool
	Value    []Token
	From, To int // of the whole binding, with its semicolon
}

// Last is the attribute's own name.
func (a Attr) Last() string { return a.Path[len(a.Path)-1] }

// Parent is the path of the set that the attribute stands in.
func (a Attr) Parent() []string { return a.Path[:len(a.Path)-1] }

// IsSet tells whether the value starts as a set does.
func (a Attr) IsSet() bool { return a.Value[0].Is("{") || a.Value[0].IsIdent("rec") }

// Beside tells whether two bindings stand in the same set.
func (a Attr) Beside(b Attr) bool { return a.InLet == b.InLet && slices.Equal(a.Parent(), b.Parent()) }

// File is a file of the form `let … in { … }` or `{ … }`.
type File struct {
	Src   []byte
	Attrs []Attr // all that have a name, of nested sets too, in order
	// In is where the `in` of the let stands, or 0: the file has none.
	In int
	// Rec tells whether the set is recursive, and End is where its } stands, or
	// 0: what follows the let is no mere set.
	Rec bool
	End int
}

// Parse reads a file of that form. The error is a *SyntaxError.
func Parse(src []byte) (*File, error) {
	tokens, err := Tokenize(src)
	if err != nil {
		return nil, err
	}
	p := &attrParser{tokens: tokens, end: len(src)}
	f := &File{Src: src}
	if p.peek().IsIdent("let") {
		p.at++
		if f.Attrs, err = p.bindings(nil, true, func(t Token) bool { return t.IsIdent("in") }); err != nil {
			return nil, err
		}
		f.In = p.peek().From
		p.at++
	}
	if p.peek().IsIdent("rec") {
		f.Rec = true
		p.at++
	}
	if !p.peek().Is("{") {
		return f.letOnly(p.unexpected("not an attribute set, nor `let … in` and one"))
	}
	p.at++
	set, err := p.bindings(nil, false, func(t Token) bool { return t.Is("}") })
	if err != nil {
		return nil, err
	}
	f.End = p.peek().From
	p.at++
	if p.at != len(tokens) {
		return f.letOnly(p.unexpected("something follows the attribute set"))
	}
	f.Attrs = append(f.Attrs, set...)
	return f, nil
}

// letOnly is a file of which only the let is understood, or why not even that.
func (f *File) letOnly(err error) (*File, error) {
	if f.In == 0 {
		return nil, err
	}
	f.Rec, f.End = false, 0
	return f, nil
}

type attrParser struct {
	tokens []Token
	at     int
	end    int // of the file
	depth  int
}

// peek is the token at hand, one of no kind at the end.
func (p *attrParser) peek() Token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return Token{From: p.end, To: p.end}
}

func (p *attrParser) unexpected(why string) error { return &SyntaxError{p.peek().From, why} }

// maxDepth is more sets within sets than anyone writes.
const maxDepth = 20

// bindings reads `name = value;` and `inherit …;` up to the token that ends
// the set, and leaves that.
func (p *attrParser) bindings(above []string, inLet bool, isEnd func(Token) bool) ([]Attr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.unexpected("too many sets within sets")
	}
	defer func() { p.depth-- }()
	var list []Attr
	for !isEnd(p.peek()) {
		if p.at >= len(p.tokens) {
			return nil, p.unexpected("a set has no end")
		}
		if p.peek().IsIdent("inherit") {
			if _, err := p.expression(); err != nil {
				return nil, err
			}
			p.at++
			continue
		}
		more, err := p.binding(above, inLet)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// binding reads one, and those of a set that is its value.
func (p *attrParser) binding(above []string, inLet bool) ([]Attr, error) {
	a := Attr{Path: slices.Clone(above), InLet: inLet, From: p.peek().From}
	named := true
	for {
		t := p.peek()
		switch name, quoted := t.Plain(); {
		case quoted:
			a.Path = append(a.Path, name)
		case t.Kind == Ident && !isKeyword(t.Text):
			a.Path = append(a.Path, t.Text)
		case t.Kind == Mixed:
			named = false
		case t.Is("${"):
			named = false
			if err := p.skipBrackets(); err != nil {
				return nil, err
			}
			p.at-- // onto its }
		default:
			return nil, p.unexpected("expected a name")
		}
		a.Names = append(a.Names, t)
		p.at++
		if !p.peek().Is(".") {
			break
		}
		p.at++
	}
	if !p.peek().Is("=") {
		return nil, p.unexpected("expected =")
	}
	p.at++
	start := p.at
	var err error
	if a.Value, err = p.expression(); err != nil {
		return nil, err
	}
	a.To = p.peek().To
	p.at++
	if !named {
		return nil, nil
	}
	list := []Attr{a}
	if inner, ok := p.inner(a, start); ok {
		list = append(list, inner...)
	}
	return list, nil
}

// inner are the bindings of a value that is nothing but a set.
func (p *attrParser) inner(a Attr, start int) ([]Attr, bool) {
	if len(a.Value) < 2 || !a.IsSet() {
		return nil, false
	}
	q := &attrParser{tokens: p.tokens[:start+len(a.Value)], at: start, end: a.To, depth: p.depth}
	if q.peek().IsIdent("rec") {
		q.at++
	}
	if !q.peek().Is("{") {
		return nil, false
	}
	q.at++
	list, err := q.bindings(a.Path, a.InLet, func(t Token) bool { return t.Is("}") })
	// A function, or a set that more is done with, is no set to edit.
	if err != nil || q.at != len(q.tokens)-1 {
		return nil, false
	}
	return list, true
}

// expression reads up to the semicolon that ends it, and leaves that.
func (p *attrParser) expression() ([]Token, error) {
	start := p.at
	pending := 0 // let, with and assert have semicolons of their own
	lets := 0
	for p.at < len(p.tokens) {
		t := p.peek()
		switch {
		case t.Is("{"), t.Is("${"), t.Is("["), t.Is("("):
			if err := p.skipBrackets(); err != nil {
				return nil, err
			}
			continue
		case t.Is("}"), t.Is("]"), t.Is(")"):
			return nil, p.unexpected("a bracket too many, or no semicolon")
		case t.IsIdent("let"):
			lets++
		case t.IsIdent("in"):
			if lets--; lets < 0 {
				return nil, p.unexpected("in without let")
			}
		case (t.IsIdent("with") || t.IsIdent("assert")) && lets == 0:
			pending++
		case t.Is(";") && pending > 0 && lets == 0:
			pending--
		case t.Is(";") && lets == 0:
			if p.at == start {
				return nil, p.unexpected("no value")
			}
			return p.tokens[start:p.at], nil
		}
		p.at++
	}
	return nil, p.unexpected("no semicolon")
}

// skipBrackets goes past what the bracket at hand opens.
func (p *attrParser) skipBrackets() error {
	var open []string
	for p.at < len(p.tokens) {
		switch t := p.peek(); {
		case t.Is("{"), t.Is("${"):
			open = append(open, "}")
		case t.Is("["):
			open = append(open, "]")
		case t.Is("("):
			open = append(open, ")")
		case t.Is("}"), t.Is("]"), t.Is(")"):
			if t.Text != open[len(open)-1] {
				return p.unexpected("brackets that do not match")
			}
			open = open[:len(open)-1]
		}
		p.at++
		if len(open) == 0 {
			return nil
		}
	}
	return p.unexpected("a bracket has no end")
}

// isKeyword tells whether a word cannot be a name without quotes. `or` can,
// since Nix 2.4 or so; quoted, it always can.
func isKeyword(word string) bool {
	switch word {
	case "let", "in", "rec", "with", "assert", "inherit", "if", "then", "else", "or":
		return true
	}
	return false
}

// IsName tells whether a word can be a name without quotes.
func IsName(word string) bool {
	return !isKeyword(word) && nixIdent.FindString(word) == word && word != ""
}

// Name writes the name of an attribute, in quotes where Nix needs them. It is
// for words that need no escape within these.
func Name(word string) string {
	if IsName(word) {
		return word
	}
	return `"` + word + `"`
}

// ValueEnd is where the semicolon stands that ends the value which starts at
// one of the tokens. The error is a *SyntaxError.
func ValueEnd(tokens []Token, start int) (int, error) {
	p := &attrParser{tokens: tokens, at: start}
	if len(tokens) > 0 {
		p.end = tokens[len(tokens)-1].To
	}
	_, err := p.expression()
	return p.at, err
}

// Close is where the bracket stands that ends what the one at open starts. The
// error is a *SyntaxError.
func Close(tokens []Token, open int) (int, error) {
	p := &attrParser{tokens: tokens, at: open, end: tokens[open].To}
	if t := tokens[open]; !t.Is("{") && !t.Is("${") && !t.Is("[") && !t.Is("(") {
		return 0, p.unexpected("no bracket")
	}
	if err := p.skipBrackets(); err != nil {
		return 0, err
	}
	return p.at - 1, nil
}

// Before is the text of a file with lines more before what ends a set or a let
// at one place: on lines of their own if that stands on one, indented and ended
// as its neighbours are.
func Before(src []byte, end int, lines ...string) []byte {
	start := bytes.LastIndexByte(src[:end], '\n') + 1
	indent := string(src[start:end])
	var text strings.Builder
	at := start
	if strings.TrimLeft(indent, " \t") != "" { // it is not on a line of its own
		at = end
		if !strings.HasSuffix(indent, " ") {
			text.WriteString(" ")
		}
		for _, line := range lines {
			text.WriteString(strings.TrimLeft(line, " ") + " ")
		}
	} else {
		newline, step := "\n", "  "
		if start > 1 && src[start-2] == '\r' {
			newline = "\r\n"
		}
		if strings.HasPrefix(indent, "\t") {
			step = "\t"
		}
		for _, line := range lines {
			text.WriteString(indent + step + line + newline)
		}
	}
	return slices.Concat(src[:at], []byte(text.String()), src[at:])
}
