package steps

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

func TestNetworkIsAskedForOnlyIfNeeded(t *testing.T) {
	for name, want := range map[string]bool{"plain": true, "swap": true, "luks": true, "prebuilt": false} {
		p, err := InstallPlan(answers(t)[name], engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		got := false
		for _, a := range p.Steps[0].Actions {
			got = got || strings.HasSuffix(a.Does, "can be reached")
		}
		if got != want {
			t.Errorf("%s: network is asked for: %v", name, got)
		}
	}
}

func TestValidate(t *testing.T) {
	all := answers(t)
	good := func(name string) func() Answers { return func() Answers { return all[name] } }
	for _, c := range []struct {
		name   string
		from   func() Answers
		change func(*Answers)
		bad    string
	}{
		{"plain", good("plain"), func(*Answers) {}, ""},
		{"encrypted", good("luks"), func(*Answers) {}, ""},
		{"prebuilt", good("prebuilt"), func(*Answers) {}, ""},
		{"no passphrase", good("luks"), func(a *Answers) { a.Passphrase = nil }, "there is no passphrase"},
		{"empty passphrase", good("luks"), func(a *Answers) { a.Passphrase = []byte{} }, "there is no passphrase"},
		{"passphrase for nothing", good("plain"), func(a *Answers) { a.Passphrase = []byte("x") }, "is not encrypted"},
		{"longest passphrase", good("luks"), func(a *Answers) { a.Passphrase = bytes.Repeat([]byte("x"), 512) }, ""},
		{"passphrase too long", good("luks"), func(a *Answers) { a.Passphrase = bytes.Repeat([]byte("x"), 513) }, "longer than 512 bytes"},
		{"passphrase with a line break", good("luks"), func(a *Answers) { a.Passphrase = []byte("hor\nse") }, "could not be typed"},
		{"passphrase with a carriage return", good("luks"), func(a *Answers) { a.Passphrase = []byte("horse\r") }, "could not be typed"},
		{"passphrase with NUL", good("luks"), func(a *Answers) { a.Passphrase = []byte("hor\x00se") }, "could not be typed"},
		{"prebuilt without a system", good("prebuilt"), func(a *Answers) { a.System = "" }, "needs a prebuilt system"},
		{"system that is a link", good("prebuilt"), func(a *Answers) { a.System = "./result" }, "is not a store path"},
		{"system with more below it", good("prebuilt"), func(a *Answers) { a.System += "/init" }, "is not a store path"},
		{"system with a line break", good("prebuilt"), func(a *Answers) { a.System += "\n" }, "is not a store path"},
		{"prebuilt without a repo", good("prebuilt"), func(a *Answers) { a.Source, a.Host.RepoRemote = "", "" }, ""},
		{"flake without a repo", good("plain"), func(a *Answers) { a.Host.RepoRemote = "" }, "no config repo"},
		{"flake from a local repo", good("plain"), func(a *Answers) { a.Host.RepoRemote, a.Source = "", "/srv/x" }, ""},
		{"flake from another repo", good("plain"), func(a *Answers) { a.Host.RepoRemote, a.Remote = "", "/srv/x" }, ""},
		{"age identity", good("plain"), func(a *Answers) { a.AgeIdentity = []byte("hunter2") }, "the age identity is not"},
		{"deploy key", good("plain"), func(a *Answers) { a.DeployKey = []byte("hunter2") }, "the deploy key cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.from()
			c.change(&a)
			err := a.Validate()
			if c.bad == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*sys.Fault](err)
			if !ok || e.Code != sys.CodeUsage || e.Hint == "" || !strings.Contains(e.Cause, c.bad) {
				t.Fatalf("%+v", err)
			}
			if strings.Contains(e.Cause+e.Hint, "horse") || strings.Contains(e.Cause+e.Hint, "hunter2") {
				t.Errorf("the error quotes a secret: %+v", e)
			}
			if _, err := InstallPlan(a, engine.DefaultPaths()); err == nil {
				t.Error("there is a plan all the same")
			}
		})
	}
}

func TestWipe(t *testing.T) {
	a := Answers{Passphrase: []byte("one"), AgeIdentity: []byte("two"), DeployKey: []byte("three")}
	secrets := [][]byte{a.Passphrase, a.AgeIdentity, a.DeployKey}
	a.Wipe()
	for _, s := range secrets {
		if !bytes.Equal(s, make([]byte, len(s))) {
			t.Errorf("%q is left", s)
		}
	}
	if a.Passphrase != nil || a.AgeIdentity != nil || a.DeployKey != nil {
		t.Errorf("%+v", a)
	}
	a.Wipe()
}

func TestFromMedium(t *testing.T) {
	dir, hosts := t.TempDir(), t.TempDir()
	repo := filepath.Join(dir, "nix-config")
	contract := filepath.Join(hosts, "stygianlibrary", "contract.json")
	rev := strings.Repeat("0123abcd", 5)
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "toplevel"), 0o755), os.MkdirAll(filepath.Join(repo, ".git"), 0o755),
		os.WriteFile(filepath.Join(dir, "toplevel", "stygianlibrary"), []byte(toplevel+"\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "revision"), []byte(rev+"\n"), 0o644),
		os.MkdirAll(filepath.Dir(contract), 0o755), os.WriteFile(contract, []byte("{}"), 0o644)); err != nil {
		t.Fatal(err)
	}
	a := Answers{Host: load(t, "stygianlibrary")}
	a.FromMedium(dir, hosts)
	if a.System != toplevel || a.Source != repo || a.Medium != (medium{Revision: rev, Contract: contract}) {
		t.Errorf("%q, %q, %+v", a.System, a.Source, a.Medium)
	}
	a = Answers{Host: load(t, "stygianlibrary"), System: "mine", Source: "mine"}
	a.FromMedium(dir, hosts)
	if a.System != "mine" || a.Source != "mine" || a.Medium.Contract != "" {
		t.Errorf("the medium overrides the operator: %q, %q, %+v", a.System, a.Source, a.Medium)
	}
	a = Answers{Host: load(t, "demo")}
	a.FromMedium(dir, hosts)
	if a.System != "" || a.Source != "" || a.Medium != (medium{Revision: rev}) {
		t.Errorf("a flake install takes from the medium: %q, %q, %+v", a.System, a.Source, a.Medium)
	}
	a = Answers{Host: load(t, "stygianlibrary")}
	a.FromMedium(filepath.Join(dir, "gone"), hosts)
	if a.System != "" || a.Source != "" {
		t.Errorf("%q, %q", a.System, a.Source)
	}
	// Files without .git, and a medium that was built from uncommitted files.
	if err := errors.Join(os.Remove(filepath.Join(repo, ".git")), os.WriteFile(filepath.Join(dir, "revision"), []byte(rev+"-dirty\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	a = Answers{Host: load(t, "stygianlibrary")}
	a.FromMedium(dir, hosts)
	if !a.Medium.Plain || a.Medium.Revision != "" || a.Medium.Changed != rev+"-dirty" {
		t.Errorf("%+v", a.Medium)
	}
	a = Answers{Host: load(t, "demo"), Disk: nvme}
	a.FromMedium(dir, hosts)
	for ref, warned := range map[string]bool{"": true, "main": false} {
		a.Ref = ref
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(p.Warnings, "\n"), rev+"-dirty"); got != warned {
			t.Errorf("ref %q: %q", ref, p.Warnings)
		}
	}
}
