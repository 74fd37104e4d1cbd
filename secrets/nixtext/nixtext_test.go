package nixtext

import (
	"slices"
	"strings"
	"testing"
)

func TestBefore(t *testing.T) {
	for src, want := range map[string]string{
		"{\n  a = 1;\n}\n":       "{\n  a = 1;\n  b = 2;\n}\n",
		"{\r\n\ta = 1;\r\n\t}":   "{\r\n\ta = 1;\r\n\t\tb = 2;\r\n\t}",
		"{ }":                    "{ b = 2; }",
		"{a = 1;}":               "{a = 1; b = 2; }",
		"x = {\n    a = 1;\n  }": "x = {\n    a = 1;\n    b = 2;\n  }",
	} {
		end := len(src) - 1
		for src[end] != '}' {
			end--
		}
		if got := string(Before([]byte(src), end, "b = 2;")); got != want {
			t.Errorf("%q became %q", src, got)
		}
	}
}

func TestName(t *testing.T) {
	for word, want := range map[string]string{"nas": "nas", "3com": `"3com"`, "in": `"in"`, "or": `"or"`, "a-b": "a-b", "": `""`} {
		if got := Name(word); got != want {
			t.Errorf("%q: %s", word, got)
		}
	}
}

func TestParse(t *testing.T) {
	for src, want := range map[string]struct {
		attrs []string
		in    bool
		end   bool
	}{
		`{ a.b = 1; "c" = { d = [ ]; }; }`:      {[]string{"b", "c", "d"}, false, true},
		`let a = 1; in rec { b = a; }`:          {[]string{"a", "b"}, true, true},
		`let a = { x = 1; }; in a // { }`:       {[]string{"a", "x"}, true, false},
		`let a = let b = 1; in b; in f { } x`:   {[]string{"a"}, true, false},
		`{ inherit x; a = with b; [ c ]; }`:     {[]string{"a"}, false, true},
		"{ # } \n a = \"}${\"}\"}\"; /* } */ }": {[]string{"a"}, false, true},
	} {
		f, err := Parse([]byte(src))
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		var names []string
		for _, a := range f.Attrs {
			if !a.Inner {
				names = append(names, a.Last())
			}
		}
		if !slices.Equal(names, want.attrs) || (f.In > 0) != want.in || (f.End > 0) != want.end {
			t.Errorf("%s: %v, %d, %d", src, names, f.In, f.End)
		}
	}
	for _, src := range []string{"", "import ./x", "{ a = 1 }", "{ a = [ }; }", "a: { }", "let a = 1;", "{ a = \""} {
		if _, err := Parse([]byte(src)); err == nil {
			t.Errorf("%s is read", src)
		}
	}
}

// Bindings are found at any depth; those of a set that a value ends with have
// that value's path.
func TestParseInner(t *testing.T) {
	f, err := Parse([]byte(`{
		outputs = { self, x ? { }, ... }@inputs: let base = { c = 1; }; in {
			packages = let b.d = 2; in base // { e.f = rec { g = [ { h = 3; } ]; }; };
			"${i}".j = { k = 4; };
		};
	}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range f.Attrs {
		got = append(got, strings.Join(a.Path, "."))
	}
	want := []string{"outputs", "base", "base.c", "packages", "b.d", "packages.e.f", "packages.e.f.g", "h", "k"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("{ a.\"b\" = ./x/y ++ [ 1 ''${x}'' ]; } # c"))
	f.Add([]byte("let a = b: { c = 1; }; in a) }"))
	f.Fuzz(func(t *testing.T, src []byte) {
		tokens, err := Tokenize(src)
		if err != nil {
			return
		}
		at := 0
		for i, token := range tokens {
			if token.From < at || string(src[token.From:token.To]) != token.Text || token.Text == "" {
				t.Fatalf("token %d of %q is %+v", i, src, token)
			}
			at = token.To
		}
		file, err := Parse(src)
		if err != nil {
			return
		}
		for _, a := range file.Attrs {
			if len(a.Value) == 0 || src[a.To-1] != ';' || a.From >= a.Value[0].From || a.Set != (a.Set && src[a.End()] == '}') {
				t.Errorf("%q: %+v", src, a)
			}
		}
	})
}
