package sys

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestQuoteReadsBackInAShell(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("ab'\"\\ $`!*?[]{}~#&|;<>()=%@+,:.-_/\n\té\u202e\x01")
	argvs := [][]string{{"a"}, {""}, {"'"}, {"''", "", " "}, {"--", "-n"}, {"a\nb"}, {"$(exit 1)"}, {"~"}, {"a=b"}, {"é"}}
	for range 150 {
		argv := make([]string, 1+rng.IntN(5))
		for i := range argv {
			word := make([]rune, rng.IntN(12))
			for j := range word {
				word[j] = alphabet[rng.IntN(len(alphabet))]
			}
			argv[i] = string(word)
		}
		argvs = append(argvs, argv)
	}
	for _, argv := range argvs {
		script := `f() { printf '%s\0' "$@"; }; f ` + Quote(argv)
		out, err := exec.Command("bash", "-c", script).Output()
		if err != nil {
			t.Fatalf("%q: %v", argv, err)
		}
		if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, argv) {
			t.Errorf("%q is quoted as %s, read back as %q", argv, Quote(argv), got)
		}
	}
}

func TestQuoteLeavesPlainWordsAlone(t *testing.T) {
	if got := Quote([]string{"mkfs.ext4", "-L", "A_B", "/dev/x1", "a b"}); got != "mkfs.ext4 -L A_B /dev/x1 'a b'" {
		t.Error(got)
	}
	c := Cmd{Argv: []string{"a", "b c"}, Stdin: []byte("x")}
	if c.String() != "a 'b c'" {
		t.Error(c.String())
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                        "plain",
		"grün €":                       "grün €",
		"\x1b[1;31mred\x1b[0m":         "red",
		"\x1b]0;title\x07x":            "x",
		"\x1b]8;;http://x\x1b\\l":      "l",
		"\x1bP1$r\x1b\\y":              "y",
		"a\tb":                         "a b",
		"a\x00\x08\x7fb":               "ab",
		"a\u009bb":                     "ab",
		"\xff":                         "\ufffd",
		"a\u202eb\u2066c\u200b\ufeffd": "abcd",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\x1b[31mb", "\x1b]0;t\x07", "\xff\xfe", "\u202e", "\x9b31m", "\xc2\x9b", "\x1b\x1b[\x1b", "é\x1b[", "\x1bX\xc2", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Clean(%q) = %q is not UTF-8", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				t.Fatalf("Clean(%q) = %q holds %U", s, got, r)
			}
		}
		if again := Clean(got); again != got {
			t.Fatalf("Clean(%q) = %q, and that cleaned is %q", s, got, again)
		}
	})
}

func TestActionHidesSecrets(t *testing.T) {
	open := Cmd{Does: "d", Argv: []string{"a"}, Stdin: []byte("text"), Env: []string{"K=v"}}
	secret := Cmd{Argv: []string{"b"}, Stdin: []byte("hunter2"), Secret: "passphrase"}
	want := []Action{
		{Does: "d", Argv: []string{"a"}, Stdin: "text", Env: []string{"K=v"}},
		{Argv: []string{"b"}, Stdin: "<passphrase>"},
	}
	if got := Actions(open, secret); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestFaults(t *testing.T) {
	below := errors.New("below")
	f := Faultf(CodeGate, "do this", "that: %w", below)
	if f.Error() != "that: below" || f.Hint != "do this" || f.Code != CodeGate || !errors.Is(f, below) {
		t.Errorf("%+v", f)
	}
	outer := Incomplete(fmt.Errorf("around: %w", f), "writing")
	if outer.Cause != "writing: around: that: below" || outer.Hint != "do this" || outer.Code != CodeGate {
		t.Errorf("the fault below knows best: %+v", outer)
	}
	plain := Incomplete(below, "writing")
	if plain.Code != CodeWritten || plain.Hint == "" || !errors.Is(plain, below) {
		t.Errorf("%+v", plain)
	}
}

func TestCodes(t *testing.T) {
	seen := map[Code]bool{}
	last := Code(-1)
	for _, c := range Codes {
		if c.Code <= last || seen[c.Code] || c.Meaning == "" {
			t.Errorf("code %d is out of order, listed twice or has no meaning", c.Code)
		}
		seen[c.Code], last = true, c.Code
	}
}

// witness is a testing.TB that records complaints.
type witness struct {
	testing.TB
	complaints []string
	cleanups   []func()
}

func (w *witness) Helper()          {}
func (w *witness) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }
func (w *witness) Errorf(format string, args ...any) {
	w.complaints = append(w.complaints, fmt.Sprintf(format, args...))
}

// TestFakeIsStrict: a fake that overlooks something would make all tests with it
// worthless.
func TestFakeIsStrict(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name string
		use  func(f *Fake)
		want []string // one word of each complaint
	}{
		{"as expected", func(f *Fake) { f.Expect("a", "b"); _ = f.Run(ctx, Cmd{Argv: []string{"a", "b"}}) }, nil},
		{"nothing expected", func(f *Fake) { _ = f.Run(ctx, Cmd{Argv: []string{"a"}}) }, []string{"unexpected"}},
		{"never came", func(f *Fake) { f.Expect("a") }, []string{"did not run"}},
		{"another argument", func(f *Fake) { f.Expect("a", "b"); _, _ = f.Output(ctx, Cmd{Argv: []string{"a", "c"}}) }, []string{"unexpected", "did not run"}},
		{"one argument more", func(f *Fake) { f.Expect("a"); _ = f.Run(ctx, Cmd{Argv: []string{"a", "b"}}) }, []string{"unexpected", "did not run"}},
		{"another order", func(f *Fake) {
			f.Expect("a")
			f.Expect("b")
			_ = f.Run(ctx, Cmd{Argv: []string{"b"}})
			_ = f.Run(ctx, Cmd{Argv: []string{"a"}})
		}, []string{"unexpected", "did not run"}},
		{"undo not expected", func(f *Fake) {
			f.Expect("a")
			_ = f.Do(ctx, Cmd{Argv: []string{"a"}}, Cmd{Argv: []string{"undo"}})
			_ = f.Unwind(ctx)
		}, []string{"unexpected"}},
		{"undo of what failed", func(f *Fake) {
			f.Expect("a").Fails(1, "no")
			_ = f.Do(ctx, Cmd{Argv: []string{"a"}}, Cmd{Argv: []string{"undo"}})
			_ = f.Unwind(ctx)
		}, nil},
		{"lines not expected", func(f *Fake) { _ = f.Lines(ctx, Cmd{Argv: []string{"a"}}, func(string) {}) }, []string{"unexpected"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &witness{TB: t}
			c.use(NewFake(w))
			for _, f := range w.cleanups {
				f()
			}
			if len(w.complaints) != len(c.want) {
				t.Fatalf("complaints %q, want %q", w.complaints, c.want)
			}
			for i, word := range c.want {
				if !strings.Contains(w.complaints[i], word) {
					t.Errorf("complaint %q, want %q", w.complaints[i], word)
				}
			}
		})
	}
}

func TestFakePlaysItsPart(t *testing.T) {
	f := NewFake(t)
	f.Expect("out").Prints("text")
	f.Expect("err").Says("1", "2").Fails(5, "broken")
	f.Expect("mount")
	f.Expect("umount")
	if out, err := f.Output(t.Context(), Cmd{Argv: []string{"out"}}); string(out) != "text" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	var lines []string
	err := f.Lines(t.Context(), Cmd{Argv: []string{"err"}}, func(l string) { lines = append(lines, l) })
	if e, ok := errors.AsType[*ExitError](err); !ok || e.Exit != 5 || !slices.Equal(lines, []string{"1", "2"}) {
		t.Errorf("%v, %q", err, lines)
	}
	if err := f.Do(t.Context(), Cmd{Argv: []string{"mount"}}, Cmd{Argv: []string{"umount"}}); err != nil {
		t.Error(err)
	}
	if err := f.Unwind(t.Context()); err != nil {
		t.Error(err)
	}
	f.Log("l")
	f.Warn("w")
	f.Progress(Progress{Done: 1})
	if len(f.Ran) != 4 || !slices.Equal(f.Logged, []string{"l", "w"}) || len(f.Reports) != 1 {
		t.Errorf("%v %v %v", f.Ran, f.Logged, f.Reports)
	}
}
