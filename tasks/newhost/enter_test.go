package newhost

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/internal/nix/nixtest"
	"auto-installer/internal/sys"
	"auto-installer/secrets/keysnix"
)

const (
	someKey = "age1jpkljpy80h6kt5rgkdd43h4kusm4de334puf36yzwgv4k9mrz95qwytuv4"
	someFew = "let hosts = { one = \"" + someKey + "\"; }; in { one = [ hosts.one ]; }\n"
)

// entering is a copy of a repo, for the key of the host nas.
func entering(t *testing.T, keys, rules string) *work {
	t.Helper()
	dir := t.TempDir()
	w := Request{Host: hosts.Host{TargetHost: "nas"}}.work(dir)
	w.copied = dir
	w.recipient = newKey
	for _, f := range []struct {
		name, text string
		is         *string
	}{{"keys.nix", keys, &w.keys}, {"secrets.nix", rules, &w.rules}} {
		if f.text != "" {
			put(t, dir, f.name, f.text)
			*f.is = f.name
			w.before[f.name] = []byte(f.text)
		}
	}
	put(t, dir, ".git/HEAD", "")
	return w
}

// Each case says which secrets change, and what is edited or left to the user.
func TestEnter(t *testing.T) {
	nixtest.Need(t)
	t.Setenv("NIX_REMOTE", "dummy://")
	const head = "let keys = import ./keys.nix; in { \"one.age\".publicKeys = keys.one; "
	for name, tt := range map[string]struct {
		keys, rules string
		edited      bool
		changed     []string
		hand        string
	}{
		"rules of others":        {someFew, head + "}", true, nil, ""},
		"a rule has its name":    {"{ web = { system = \"" + someKey + "\"; }; }", `let keys = import ./keys.nix; in { "nas.age".publicKeys = builtins.attrValues keys.web; }`, false, nil, "nas = ["},
		"rules for all":          {strings.Replace(someFew, "in {", "in { all = builtins.attrValues hosts;", 1), head + `"all.age".publicKeys = keys.all; }`, true, []string{"all.age"}, ""},
		"named by hand, no edit": {"{ web = { system = \"" + someKey + "\"; }; }", `let keys = import ./keys.nix; in { "web.age".publicKeys = builtins.attrValues keys.web; }`, false, nil, "nas = ["},
		"no rules":               {someFew, "", true, nil, ""},
		"JSON rules":             {"", "", false, nil, ""},
		"computed":               {"let f = x: x; in f { one = [ \"" + someKey + "\" ]; }", head + "}", false, nil, `"age1`},
		"not to be evaluated":    {"import ./nowhere.nix", "", false, nil, `"age1`},
	} {
		t.Run(name, func(t *testing.T) {
			w := entering(t, tt.keys, tt.rules)
			err := w.enter(t.Context(), &sys.Machine{Reporter: sys.Silent{}})
			if err != nil {
				t.Fatal(err)
			}
			if _, edited := w.files["keys.nix"]; edited != tt.edited || !slices.Equal(w.changed, tt.changed) {
				t.Errorf("edited: %v, changed: %v", edited, w.changed)
			}
			if said := w.hand.Text; !strings.Contains(said, tt.hand) || (tt.hand == "") != (said == "") {
				t.Errorf("by hand: %s", said)
			}
			now, _ := os.ReadFile(filepath.Join(w.repo, "keys.nix"))
			if !tt.edited && string(now) != tt.keys {
				t.Errorf("the copy has\n%s", now)
			}
			if _, err := os.Stat(filepath.Join(w.repo, letFile)); err == nil {
				t.Error("the file of the let is left")
			}
		})
	}
	w := entering(t, someFew, "{ a = nothing; }")
	w.copied = t.TempDir() // the user does not know the copy
	for name, text := range w.before {
		put(t, w.copied, name, string(text))
	}
	put(t, w.copied, ".git/HEAD", "")
	err := w.enter(t.Context(), &sys.Machine{Reporter: sys.Silent{}})
	if f, ok := errors.AsType[*sys.Fault](err); !ok || strings.Contains(f.Cause+f.Hint, w.copied) || !strings.Contains(f.Hint, w.repo) {
		t.Errorf("rules that are wrong: %v, %+v", err, f)
	}
}

// The user must run rekey only after adding lines by hand, in a repo with rules.
func TestNext(t *testing.T) {
	line := keysnix.HandLine{Place: "here", Text: "x"}
	for name, tt := range map[string]struct {
		hand  keysnix.HandLine
		rules string
		want  int
	}{
		"nothing": {keysnix.HandLine{}, "secrets.nix", 0}, "by hand": {line, "secrets.nix", 1}, "no rules": {line, "", 0},
	} {
		w := Request{Host: hosts.Host{TargetHost: "nas"}}.work(t.TempDir())
		w.keys, w.rules = "keys.nix", tt.rules
		w.hand, w.handFile = tt.hand, "keys.nix"
		f := sys.NewFake(t)
		w.next(f)
		said := strings.Join(f.Logged, "\n")
		if strings.Count(said, "rekey") != tt.want || !strings.Contains(said, "make the public key above a deploy key of") {
			t.Errorf("%s: it says\n%s", name, said)
		}
	}
	t.Setenv("PATH", t.TempDir())
	w := entering(t, strings.Replace(someFew, "in {", "in { nas = [ \""+newKey+"\" ];", 1), "{ }")
	if err := w.enter(t.Context(), &sys.Machine{Reporter: sys.Silent{}}); err != nil || w.hand.Text != "" {
		t.Errorf("nothing is to be added: %v, %v", err, w.hand)
	}
}

// Without nix the keys are left to the user: nothing else says what they mean.
func TestEnterWithoutNix(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	w := entering(t, someFew, "let keys = import ./keys.nix; in { \"one.age\".publicKeys = keys.one; }")
	err := w.enter(t.Context(), &sys.Machine{Reporter: sys.Silent{}})
	if err != nil || len(w.files) > 0 || len(w.changed) > 0 || !strings.HasPrefix(w.hand.Text, "nas = ") {
		t.Errorf("%v, changed: %v, %v", err, w.changed, w.hand)
	}
}
