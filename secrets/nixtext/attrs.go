package nixtext

import "slices"

// Attr is one binding: its name or dotted path, and the tokens of its value.
type Attr struct {
	Path     []string // from the outermost set that holds it
	Names    []Token  // the tokens of its own name or path
	Value    []Token
	Set      bool // the value is a set, or ends with one that is added: `base // { … }`
	InLet    bool // it stands in the file's own let
	Inner    bool // it stands in a let or a set within an expression
	From, To int  // bytes of the whole binding, with its semicolon
}

// Last is the attribute's own name.
func (a Attr) Last() string { return a.Path[len(a.Path)-1] }

// Parent is the path of the set that holds the attribute.
func (a Attr) Parent() []string { return a.Path[:len(a.Path)-1] }

// Beside reports whether two bindings stand in the same set.
func (a Attr) Beside(b Attr) bool { return a.InLet == b.InLet && slices.Equal(a.Parent(), b.Parent()) }

// End is the byte where the value's last token starts: the } of a set.
func (a Attr) End() int { return a.Value[len(a.Value)-1].From }

// File is a file of the form `let … in { … }` or `{ … }`.
type File struct {
	Src   []byte
	Attrs []Attr // all bindings with a plain name, in order of the text
	In    int    // where the `in` of the file's let stands; 0 without a let
	End   int    // where its } stands; 0 if the let is followed by something else
}

// Parse reads a file of that form. The error is a *SyntaxError.
func Parse(src []byte) (*File, error) {
	tokens, err := Tokenize(src)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, size: len(src)}
	if err := p.pair(); err != nil {
		return nil, err
	}
	f := &File{Src: src}
	at, last := 0, len(tokens)-1
	if p.token(0).IsIdent("let") {
		at = p.match[0]
		if err := p.bindings(1, at, Attr{InLet: true}); err != nil {
			return nil, err
		}
		f.In = tokens[at].From
		at++
	}
	if p.token(at).IsIdent("rec") {
		at++
	}
	switch {
	case p.token(at).Is("{") && p.match[at] == last:
		f.End = tokens[last].From
		if err := p.bindings(at+1, last, Attr{}); err != nil {
			return nil, err
		}
	case f.In == 0:
		return nil, &SyntaxError{p.token(at).From, "not an attribute set, nor `let … in` and one"}
	}
	f.Attrs = p.attrs
	return f, nil
}

type parser struct {
	tokens []Token
	match  []int // the index of the token that ends what a bracket or a let starts
	size   int   // of the file
	attrs  []Attr
}

// token is a token of no kind past the end.
func (p *parser) token(at int) Token {
	if at < len(p.tokens) {
		return p.tokens[at]
	}
	return Token{From: p.size, To: p.size}
}

// maxDepth bounds how deep brackets may be nested.
const maxDepth = 100

// pair finds the end of each bracket and of each let.
func (p *parser) pair() error {
	p.match = make([]int, len(p.tokens))
	ends := map[string]string{"{": "}", "${": "}", "[": "]", "(": ")", "let": "in"}
	var open []int
	for i, t := range p.tokens {
		if t.Kind != Op && t.Kind != Ident {
			continue
		}
		_, opens := ends[t.Text]
		switch {
		case opens && len(open) == maxDepth:
			return &SyntaxError{t.From, "brackets are nested too deeply"}
		case opens:
			open = append(open, i)
		case t.Is("}"), t.Is("]"), t.Is(")"), t.IsIdent("in"):
			if len(open) == 0 || ends[p.tokens[open[len(open)-1]].Text] != t.Text {
				return &SyntaxError{t.From, "brackets that do not match"}
			}
			p.match[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return &SyntaxError{p.size, "a bracket or a let has no end"}
	}
	return nil
}

// bindings reads what stands between two tokens. Bindings get the path and the
// place of scope. Everything else, such as a function's arguments, is skipped.
func (p *parser) bindings(at, end int, scope Attr) error {
	for at < end {
		a := scope
		a.Path, a.From = slices.Clone(scope.Path), p.tokens[at].From
		next, named := p.name(at, &a)
		isBinding := next > at && p.token(next).Is("=")
		if !isBinding && !p.tokens[at].IsIdent("inherit") {
			at = max(at, p.match[at]) + 1
			continue
		}
		start := next + 1
		stop, err := p.valueEnd(start)
		if err != nil {
			return err
		}
		at = stop + 1
		if !isBinding {
			continue
		}
		a.Value, a.To = p.tokens[start:stop], p.tokens[stop].To
		open := p.lastSet(start, stop)
		a.Set = open >= 0
		if named {
			p.attrs = append(p.attrs, a)
		}
		if err := p.inside(start, stop, open, a, named); err != nil {
			return err
		}
	}
	return nil
}

// name reads a name or a dotted path. It returns the token after it, and false
// if a part of the path is computed.
func (p *parser) name(at int, a *Attr) (next int, named bool) {
	named = true
	for {
		t := p.token(at)
		text, quoted := t.Plain()
		switch {
		case quoted:
		case t.Kind == Ident && !isKeyword(t.Text):
			text = t.Text
		case t.Kind == Mixed:
			named = false
		case t.Is("${"):
			named = false
			at = p.match[at]
		default:
			return at, named
		}
		a.Path, a.Names = append(a.Path, text), append(a.Names, t)
		if at++; !p.token(at).Is(".") {
			return at, named
		}
		at++
	}
}

// valueEnd is the semicolon that ends the value which starts at a token.
func (p *parser) valueEnd(start int) (int, error) {
	pending := 0 // with and assert have semicolons of their own
	for i := start; i < len(p.tokens); i++ {
		switch t := p.tokens[i]; {
		case p.match[i] > 0:
			i = p.match[i]
		case t.IsIdent("with"), t.IsIdent("assert"):
			pending++
		case t.Is(";") && pending > 0:
			pending--
		case t.Is(";") && i == start:
			return 0, &SyntaxError{t.From, "no value"}
		case t.Is(";"):
			return i, nil
		case t.Is("}"), t.Is("]"), t.Is(")"), t.IsIdent("in"):
			return 0, &SyntaxError{t.From, "no semicolon"}
		}
	}
	return 0, &SyntaxError{p.size, "no semicolon"}
}

// lastSet is the { of the set that a value is, or that is added to it last; or -1.
func (p *parser) lastSet(start, end int) int {
	for i := start; i < end; i++ {
		first := i == start || i == start+1 && p.tokens[start].IsIdent("rec")
		if p.tokens[i].Is("{") && p.match[i] == end-1 && (first || p.tokens[i-1].Is("//")) {
			return i
		}
		i = max(i, p.match[i])
	}
	return -1
}

// inside reads the bindings within a value: those of its set, which starts at
// open, continue its path.
func (p *parser) inside(start, end, open int, a Attr, named bool) error {
	for i := start; i < end; i++ {
		if t := p.tokens[i]; !t.Is("{") && !t.IsIdent("let") {
			continue
		}
		scope := Attr{Inner: true}
		if i == open && named {
			scope = Attr{Path: a.Path, InLet: a.InLet, Inner: a.Inner}
		}
		if err := p.bindings(i+1, p.match[i], scope); err != nil {
			return err
		}
		i = p.match[i]
	}
	return nil
}

// isKeyword reports whether a word needs quotes to be a name. `or` needs none
// since Nix 2.4, and older versions reject it.
func isKeyword(word string) bool {
	switch word {
	case "let", "in", "rec", "with", "assert", "inherit", "if", "then", "else", "or":
		return true
	}
	return false
}

// IsName reports whether a word can be a name without quotes.
func IsName(word string) bool {
	return !isKeyword(word) && nixIdent.FindString(word) == word && word != ""
}

// Name writes the name of an attribute, in quotes where Nix needs them. The word
// must need no escape within quotes.
func Name(word string) string {
	if IsName(word) {
		return word
	}
	return `"` + word + `"`
}
