package newhost

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
	"auto-installer/secrets/keysnix"
)

const (
	someKey = "age1jpkljpy80h6kt5rgkdd43h4kusm4de334puf36yzwgv4k9mrz95qwytuv4"
	someFew = "let hosts = { one = \"" + someKey + "\"; }; in { one = [ hosts.one ]; }\n"
)

// entering is a copy of a repo, for the key of the host nas.
func entering(t *testing.T, keys, rules string) (Options, string) {
	t.Helper()
	dir := t.TempDir()
	o := Options{Repo: dir, Host: hosts.Host{TargetHost: "nas"}, Draft: NewDraft()}
	o.Draft.recipient = newKey
	for _, f := range []struct {
		name, text string
		is         *string
	}{{"keys.nix", keys, &o.Keys}, {"secrets.nix", rules, &o.Rules}} {
		if f.text != "" {
			put(t, dir, f.name, f.text)
			*f.is = f.name
			o.Draft.before[f.name] = []byte(f.text)
		}
	}
	put(t, dir, ".git/HEAD", "")
	return o, dir
}

// Each case says which secrets change, and what is edited or left to the user.
func TestEnter(t *testing.T) {
	if _, err := exec.LookPath("nix"); err != nil {
		t.Fatal("nix is needed in PATH: lab/test brings it along")
	}
	t.Setenv("NIX_REMOTE", "dummy://")
	const head = "let keys = import ./keys.nix; in { \"one.age\".publicKeys = keys.one; "
	for name, tt := range map[string]struct {
		keys, rules string
		edited      bool
		changed     []string
		hand        string
	}{
		"rules of others":        {someFew, head + "}", true, nil, ""},
		"rules name it already":  {someFew, head + `"nas ${x}.age".publicKeys = keys.nas; "nas.age".publicKeys = keys.nas; }`, true, []string{"nas.age"}, ""},
		"a rule names it, if":    {someFew, head + `"nas.age".publicKeys = keys.one ++ (keys.nas or [ ]); }`, true, []string{"nas.age"}, ""},
		"a rule has its name":    {"{ web = { system = \"" + someKey + "\"; }; }", `let keys = import ./keys.nix; in { "nas.age".publicKeys = builtins.attrValues keys.web; }`, false, nil, "nas = { system"},
		"rules for all":          {strings.Replace(someFew, "in {", "in { all = builtins.attrValues hosts;", 1), head + `"all.age".publicKeys = keys.all; }`, true, []string{"all.age"}, ""},
		"named by hand, no edit": {"{ web = { system = \"" + someKey + "\"; }; }", `let keys = import ./keys.nix; in { "web.age".publicKeys = builtins.attrValues keys.web; }`, false, nil, "nas = { system"},
		"no rules":               {someFew, "", true, nil, ""},
		"JSON rules":             {"", "", false, nil, ""},
		"computed":               {"let f = x: x; in f { one = [ \"" + someKey + "\" ]; }", head + "}", false, nil, "// { nas"},
		"not to be evaluated":    {"import ./nowhere.nix", "", false, nil, "// { nas"},
	} {
		t.Run(name, func(t *testing.T) {
			o, dir := entering(t, tt.keys, strings.ReplaceAll(tt.rules, "nas ${x}", `nas \${x}`))
			changed, err := o.enter(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, dir)
			if err != nil {
				t.Fatal(err)
			}
			changed = slices.DeleteFunc(changed, func(file string) bool { return strings.Contains(file, "$") })
			if _, edited := o.Draft.files["keys.nix"]; edited != tt.edited || !slices.Equal(changed, tt.changed) {
				t.Errorf("edited: %v, changed: %v", edited, changed)
			}
			if said := fmt.Sprint(o.Draft.hand); !strings.Contains(said, tt.hand) || (tt.hand == "") != (len(o.Draft.hand) == 0) {
				t.Errorf("by hand: %s", said)
			}
			now, _ := os.ReadFile(filepath.Join(dir, "keys.nix"))
			if !tt.edited && string(now) != tt.keys {
				t.Errorf("the copy has\n%s", now)
			}
			if _, err := os.Stat(filepath.Join(dir, letFile)); err == nil {
				t.Error("the file of the let is left")
			}
		})
	}
	o, _ := entering(t, someFew, "{ a = nothing; }")
	dir := t.TempDir() // the user does not know the copy
	for name, text := range o.Draft.before {
		put(t, dir, name, string(text))
	}
	put(t, dir, ".git/HEAD", "")
	_, err := o.enter(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, dir)
	if f, ok := errors.AsType[*sys.Fault](err); !ok || strings.Contains(f.Cause+f.Hint, dir) || !strings.Contains(f.Hint, o.Repo) {
		t.Errorf("rules that are wrong: %v, %+v", err, f)
	}
}

// The user must run rekey only after adding lines by hand, in a repo with rules.
func TestNext(t *testing.T) {
	line := []keysnix.HandLine{{Place: "here", Text: "x"}}
	for name, tt := range map[string]struct {
		hand  []keysnix.HandLine
		rules string
		want  int
	}{
		"nothing": {nil, "secrets.nix", 0}, "by hand": {line, "secrets.nix", 1}, "no rules": {line, "", 0},
	} {
		o := Options{Host: hosts.Host{TargetHost: "nas"}, Keys: "keys.nix", Rules: tt.rules, Draft: NewDraft()}
		o.Draft.hand, o.Draft.handFile = tt.hand, "keys.nix"
		f := sys.NewFake(t)
		o.next(f)
		said := strings.Join(f.Logged, "\n")
		if strings.Count(said, "rekey") != tt.want || !strings.Contains(said, "make the public key above a deploy key of") {
			t.Errorf("%s: it says\n%s", name, said)
		}
	}
	t.Setenv("PATH", t.TempDir())
	o, dir := entering(t, strings.Replace(someFew, "in {", "in { nas = [ \""+newKey+"\" ];", 1), "{ }")
	if _, err := o.enter(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, dir); err != nil || len(o.Draft.hand) > 0 {
		t.Errorf("nothing is to be added: %v, %v", err, o.Draft.hand)
	}
}

// Without nix the keys are left to the user: nothing else says what they mean.
func TestEnterWithoutNix(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	o, dir := entering(t, someFew, "let keys = import ./keys.nix; in { \"one.age\".publicKeys = keys.one; }")
	changed, err := o.enter(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, dir)
	if err != nil || len(o.Draft.files) > 0 || len(changed) > 0 || len(o.Draft.hand) != 2 {
		t.Errorf("%v, changed: %v, %v", err, changed, o.Draft.hand)
	}
}
