package agenix

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/nix/nixtest"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

func recipient(t *testing.T) string {
	t.Helper()
	id, err := secrets.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient()
}

func TestRules(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	key := recipient(t)
	good := write("rules.json", `{"a.age": {"publicKeys": ["`+key+`"]}}`)
	if rules, err := Read(t.Context(), sys.NewFake(t), good); err != nil || len(rules) != 1 {
		t.Error(err)
	}
	nix := write("secrets.nix", "{ }")
	s := sys.NewFake(t)
	s.Expect(Evaluation(nix).Argv...).
		Prints(`{"a.age":{"armor":true,"publicKeys":["` + key + `"]}}`)
	if rules, err := Read(t.Context(), s, nix); err != nil || !rules[0].Armor {
		t.Error(err)
	}
	s = sys.NewFake(t)
	s.Expect(Evaluation(nix).Argv...).Fails(1, "error: undefined variable 'x'")
	for file, code := range map[string]sys.Code{
		filepath.Join(dir, "gone.nix"):      sys.CodeUsage,
		dir:                                 sys.CodeUsage,
		nix:                                 sys.CodeSource,
		write("bad.json", "{"):              sys.CodeUsage,
		write("none.json", `{"a.age": {}}`): sys.CodeUsage,
	} {
		_, err := Read(t.Context(), s, file)
		if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != code || fault.Hint == "" {
			t.Errorf("%s: %v", file, err)
		}
	}
	t.Setenv("PATH", "")
	_, err := Read(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, nix)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != sys.CodeMachine || !strings.Contains(fault.Hint, ".json") {
		t.Errorf("without nix: %v", err)
	}
}

// Real nix evaluates rules as agenix' manual writes them.
func TestRulesByNix(t *testing.T) {
	nixtest.Need(t)
	dir := filepath.Join(t.TempDir(), "with ${a} space's")
	me, one := recipient(t), recipient(t)
	for name, text := range map[string]string{
		"keys.nix":    `let hosts = { one = "` + one + `"; }; me = "` + me + `"; in { one = [ hosts.one ] ++ [ me ]; inherit me; }`,
		"secrets.nix": `let keys = import ./keys.nix; in { "b.age" = { publicKeys = keys.one; armor = true; }; "a.age".publicKeys = [ keys.me ]; }`,
	} {
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("NIX_REMOTE", "dummy://")
	rules, err := Read(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, filepath.Join(dir, "secrets.nix"))
	if err != nil || len(rules) != 2 || rules[0].File != "a.age" || rules[0].Armor || !rules[1].Armor || len(rules[1].Recipients) != 2 {
		t.Errorf("%v, %+v", err, rules)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets.nix"), []byte("{ a = nothing; }"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Read(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, filepath.Join(dir, "secrets.nix"))
	if err == nil || !strings.Contains(err.Error(), "undefined variable") {
		t.Errorf("%v", err)
	}
}

// Every wrong shape is refused in the program's own words, not in those of Nix or Go.
func TestWrongShapesByNix(t *testing.T) {
	nixtest.Need(t)
	t.Setenv("NIX_REMOTE", "dummy://")
	key := recipient(t)
	file := filepath.Join(t.TempDir(), "secrets.nix")
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "me.pub"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		`[ ]`:                                                 "it must be a set",
		`{ pkgs }: { }`:                                       "it must be a set",
		`{ a = "KEY"; }`:                                      "a: publicKeys must be a list",
		`{ a = x: { }; }`:                                     "a: publicKeys must be a list",
		`{ a = null; }`:                                       "a: publicKeys must be a list",
		`{ a = [ "KEY" ]; }`:                                  "a: publicKeys must be a list",
		`{ a = { }; }`:                                        "a: publicKeys must be a list",
		`{ a.publicKeys = null; }`:                            "a: publicKeys must be a list",
		`{ a.publicKeys = [ ]; }`:                             "a: publicKeys must be a list",
		`{ a.publicKeys = "KEY"; }`:                           "a: publicKeys must be a list",
		`{ a.publicKeys = { me = "KEY"; }; }`:                 "a: publicKeys must be a list",
		`{ a.publicKeys = x: x; }`:                            "a: publicKeys must be a list",
		`{ a.publicKeys = ./me.pub; }`:                        "a: publicKeys must be a list",
		`{ a.publicKeys = [ ./me.pub ]; }`:                    "a: publicKeys must be a list of keys, each a string",
		`{ a.publicKeys = [ "KEY" [ "KEY" ] ]; }`:             "a: publicKeys must be a list of keys, each a string",
		`{ a.publicKeys = [ "KEY" "age1x" ]; }`:               `a in the rules: key 2 of 2, "age1x": invalid recipient`,
		`{ a = { publicKeys = [ "KEY" ]; armor = "yes"; }; }`: "a: armor must be true or false",
	} {
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "KEY", key)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, file)
		fault, ok := errors.AsType[*sys.Fault](err)
		if !ok || fault.Code != sys.CodeUsage || fault.Hint == "" || !strings.Contains(fault.Cause, says) {
			t.Errorf("%s: %v, not %q", text, err, says)
		}
	}
}

// The files of rules are found where agenix finds them, beside the rules, or in the
// folder above, where most repos run agenix.
func TestPlaces(t *testing.T) {
	repo, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".git/x", "secrets/secrets.nix", "hosts/x", "../elsewhere/x"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(repo, name)), 0o755), os.WriteFile(filepath.Join(repo, name), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(repo, "secrets/secrets.nix")
	for _, tt := range []struct{ made, rule, dir, want string }{
		{"secrets/a.age", "a.age", "secrets", "secrets"},
		{"secrets/b.age", "b.age", ".", "secrets"},
		{"secrets/c.age", "secrets/c.age", ".", "."},
		{"secrets/d.age", "secrets/d.age", "secrets", "."},
		{"secrets/e.age", "secrets/e.age", "hosts", "."},
		{"hosts/f.age", "f.age", "hosts", "hosts"},
		{"../elsewhere/g.age", "elsewhere/g.age", "secrets", "secrets"}, // outside: found nowhere
		{"hosts/h.age", "h.age", "secrets", "secrets"},
	} {
		if err := os.WriteFile(filepath.Join(repo, tt.made), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(repo, tt.dir)
		if got, want := Base(dir, file, []secrets.Rule{{File: tt.rule}}), filepath.Join(repo, tt.want); got != want {
			t.Errorf("%s in %s: the base is %s, not %s", tt.rule, tt.dir, got, want)
		}
	}
	if got, want := Places(filepath.Join(repo, "hosts"), file), []string{repo + "/hosts", repo + "/secrets", repo}; !slices.Equal(got, want) {
		t.Errorf("the places are %q, not %q", got, want)
	}
}

// Untrusted rules read nothing outside of their repo and reach no network.
func TestRulesAreRestricted(t *testing.T) {
	nixtest.Need(t)
	t.Setenv("NIX_REMOTE", "dummy://")
	outside := filepath.Join(t.TempDir(), "shadow")
	reached := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }))
	defer server.Close()
	repo := t.TempDir()
	if err := errors.Join(os.WriteFile(outside, []byte("root:secret"), 0o600), os.Symlink(outside, filepath.Join(repo, "link"))); err != nil {
		t.Fatal(err)
	}
	for what, expression := range map[string]string{
		"a file outside":     `builtins.readFile ` + outside,
		"a link out":         `builtins.readFile ./link`,
		"a folder outside":   `toString (builtins.attrNames (builtins.readDir /etc))`,
		"a web server":       `builtins.readFile (builtins.fetchurl "` + server.URL + `")`,
		"a tarball":          `toString (builtins.fetchTarball "` + server.URL + `/x.tar.gz")`,
		"a git repo":         `toString (builtins.fetchGit "` + repo + `")`,
		"the flake registry": `toString (builtins.getFlake "nixpkgs")`,
	} {
		file := filepath.Join(repo, "secrets.nix")
		if err := os.WriteFile(file, []byte(`{ "a.age".publicKeys = [ (`+expression+`) ]; }`), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(t.Context(), &sys.Machine{Reporter: sys.Silent{}}, file)
		fault, ok := errors.AsType[*sys.Fault](err)
		if !ok || fault.Code != sys.CodeSource || fault.Hint == "" || strings.Contains(err.Error(), "root:secret") {
			t.Errorf("%s: %v", what, err)
		} else if what == "a file outside" && !strings.Contains(fault.Hint, "into the work tree") {
			t.Errorf("%s: the hint is %s", what, fault.Hint)
		}
	}
	select {
	case <-reached:
		t.Error("the web server was reached")
	default:
	}
}

func TestBase(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secrets/secrets.nix")
	made := filepath.Join(dir, "secrets/a.age")
	if err := errors.Join(os.Mkdir(filepath.Dir(made), 0o755), os.WriteFile(made, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"secrets/a.age": dir,
		"a.age":         filepath.Dir(file),
		"nowhere.age":   dir,
	} {
		if got := Base(dir, file, []secrets.Rule{{File: "gone.age"}, {File: name}}); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	finds := func(want string) {
		t.Helper()
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got := In(dir); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	finds("")
	for _, name := range []string{"secrets/secrets.nix", "secrets.nix"} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		finds(name)
	}
	t.Setenv("RULES", "")
	if got := Find(dir); got != filepath.Join(dir, "secrets.nix") {
		t.Errorf("without RULES %q", got)
	}
	t.Setenv("RULES", "elsewhere.nix")
	if got := Find(dir); got != "elsewhere.nix" {
		t.Errorf("with RULES %q", got)
	}
}
