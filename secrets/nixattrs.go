package secrets

import "slices"

// attr is one binding of an attribute set: its name or dotted path, and its
// value's tokens.
type attr struct {
	path     []string // from the scope's top
	names    []token  // the tokens of the binding's own path
	inLet    bool
	value    []token
	from, to int // of the whole binding, with its semicolon
}

func (a attr) last() string     { return a.path[len(a.path)-1] }
func (a attr) parent() []string { return a.path[:len(a.path)-1] }

// beside tells whether two bindings stand in the same set.
func (a attr) beside(b attr) bool { return a.inLet == b.inLet && slices.Equal(a.parent(), b.parent()) }

// nixFile is a file of the form `let … in { … }` or `{ … }`.
type nixFile struct {
	src   []byte
	attrs []attr // all that have a name, of nested sets too, in order
}

// parseFile reads a file of that form. The error is a *syntaxError.
func parseFile(src []byte) (*nixFile, error) {
	tokens, err := tokenize(src)
	if err != nil {
		return nil, err
	}
	p := &attrParser{tokens: tokens, end: len(src)}
	f := &nixFile{src: src}
	if p.peek().isIdent("let") {
		p.at++
		if f.attrs, err = p.bindings(nil, true, func(t token) bool { return t.isIdent("in") }); err != nil {
			return nil, err
		}
		p.at++
	}
	if p.peek().isIdent("rec") {
		p.at++
	}
	if !p.peek().is("{") {
		return nil, p.unexpected("not an attribute set, nor `let … in` and one")
	}
	p.at++
	set, err := p.bindings(nil, false, func(t token) bool { return t.is("}") })
	if err != nil {
		return nil, err
	}
	p.at++
	if p.at != len(tokens) {
		return nil, p.unexpected("something follows the attribute set")
	}
	f.attrs = append(f.attrs, set...)
	return f, nil
}

type attrParser struct {
	tokens []token
	at     int
	end    int // of the file
	depth  int
}

// peek is the token at hand, one of no kind at the end.
func (p *attrParser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{from: p.end, to: p.end}
}

func (p *attrParser) unexpected(why string) error { return &syntaxError{p.peek().from, why} }

// maxDepth is more sets within sets than anyone writes.
const maxDepth = 20

// bindings reads `name = value;` and `inherit …;` up to the token that ends
// the set, and leaves that.
func (p *attrParser) bindings(above []string, inLet bool, isEnd func(token) bool) ([]attr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.unexpected("too many sets within sets")
	}
	defer func() { p.depth-- }()
	var list []attr
	for !isEnd(p.peek()) {
		if p.at >= len(p.tokens) {
			return nil, p.unexpected("a set has no end")
		}
		if p.peek().isIdent("inherit") {
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
func (p *attrParser) binding(above []string, inLet bool) ([]attr, error) {
	a := attr{path: slices.Clone(above), inLet: inLet, from: p.peek().from}
	named := true
	for {
		t := p.peek()
		switch name, quoted := t.plain(); {
		case quoted:
			a.path = append(a.path, name)
		case t.kind == tokIdent && !isKeyword(t.text):
			a.path = append(a.path, t.text)
		case t.kind == tokMixed:
			named = false
		case t.is("${"):
			named = false
			if err := p.skipBrackets(); err != nil {
				return nil, err
			}
			p.at-- // onto its }
		default:
			return nil, p.unexpected("expected a name")
		}
		a.names = append(a.names, t)
		p.at++
		if !p.peek().is(".") {
			break
		}
		p.at++
	}
	if !p.peek().is("=") {
		return nil, p.unexpected("expected =")
	}
	p.at++
	start := p.at
	var err error
	if a.value, err = p.expression(); err != nil {
		return nil, err
	}
	a.to = p.peek().to
	p.at++
	if !named {
		return nil, nil
	}
	list := []attr{a}
	if inner, ok := p.inner(a, start); ok {
		list = append(list, inner...)
	}
	return list, nil
}

// inner are the bindings of a value that is nothing but a set.
func (p *attrParser) inner(a attr, start int) ([]attr, bool) {
	if len(a.value) < 2 || !a.value[0].is("{") && !a.value[0].isIdent("rec") {
		return nil, false
	}
	q := &attrParser{tokens: p.tokens[:start+len(a.value)], at: start, end: a.to, depth: p.depth}
	if q.peek().isIdent("rec") {
		q.at++
	}
	if !q.peek().is("{") {
		return nil, false
	}
	q.at++
	list, err := q.bindings(a.path, a.inLet, func(t token) bool { return t.is("}") })
	// A function, or a set that more is done with, is no set to edit.
	if err != nil || q.at != len(q.tokens)-1 {
		return nil, false
	}
	return list, true
}

// expression reads up to the semicolon that ends it, and leaves that.
func (p *attrParser) expression() ([]token, error) {
	start := p.at
	pending := 0 // let, with and assert have semicolons of their own
	lets := 0
	for p.at < len(p.tokens) {
		t := p.peek()
		switch {
		case t.is("{"), t.is("${"), t.is("["), t.is("("):
			if err := p.skipBrackets(); err != nil {
				return nil, err
			}
			continue
		case t.is("}"), t.is("]"), t.is(")"):
			return nil, p.unexpected("a bracket too many, or no semicolon")
		case t.isIdent("let"):
			lets++
		case t.isIdent("in"):
			if lets--; lets < 0 {
				return nil, p.unexpected("in without let")
			}
		case (t.isIdent("with") || t.isIdent("assert")) && lets == 0:
			pending++
		case t.is(";") && pending > 0 && lets == 0:
			pending--
		case t.is(";") && lets == 0:
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
		case t.is("{"), t.is("${"):
			open = append(open, "}")
		case t.is("["):
			open = append(open, "]")
		case t.is("("):
			open = append(open, ")")
		case t.is("}"), t.is("]"), t.is(")"):
			if t.text != open[len(open)-1] {
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
