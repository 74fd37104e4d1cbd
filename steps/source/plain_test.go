package source

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// shell runs git and other commands without any user's git configuration.
func shell(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=n", "GIT_AUTHOR_EMAIL=e@x", "GIT_COMMITTER_NAME=n", "GIT_COMMITTER_EMAIL=e@x")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func real(t *testing.T, dir string) (*sys.Machine, *lines) {
	t.Helper()
	for _, needed := range []string{"git", "cp", "chmod"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Fatalf("%s is needed: ./bootstrap installs it", needed)
		}
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	undos, err := sys.OpenUndoStack(filepath.Join(dir, "undo.json"))
	if err != nil {
		t.Fatal(err)
	}
	said := &lines{}
	return &sys.Machine{Reporter: said, Undos: undos}, said
}

// The files of a medium become a repo that a flake can be built from. A later pull brings it
// to the state of the remote, with the commits of the user, and without files that the remote
// has removed.
func TestPlainFilesCanPull(t *testing.T) {
	dir := t.TempDir()
	m, _ := real(t, dir)
	shell(t, dir, `
		git init --quiet --initial-branch=main origin; cd origin
		printf 1 >a; printf x >gone; printf '#!/bin/sh\n' >run; chmod 755 run
		printf 'ignored\n' >.gitignore; printf y >ignored
		git add --all --force; git commit --quiet -m 1
		cp -R . ../medium; rm -rf ../medium/.git; chmod -R a-w ../medium`)
	o := Options{
		Host: "demo", Local: filepath.Join(dir, "medium"), Plain: true,
		Remote: filepath.Join(dir, "origin"), Dir: filepath.Join(dir, "clone"),
	}
	for range 2 { // the second replaces the result of the first
		if err := enginetest.Check(t.Context(), m, o.fetch()...); err != nil {
			t.Fatal(err)
		}
	}
	if got := shell(t, o.Dir, "git ls-files; git status --porcelain; test -x run; git log --format=%s"); got !=
		".gitignore\na\ngone\nignored\nrun\nThe configuration as the installer medium carried it" {
		t.Errorf("%s", got)
	}
	shell(t, dir, `cd origin; printf 2 >a; git rm --quiet gone; printf n >new; git add --all; git commit --quiet -m 2`)
	got := shell(t, o.Dir, `
		printf mine >mine; git add mine; git commit --quiet -m mine
		git pull --quiet
		git log --format=%s; ls; cat a`)
	if got != "mine\n2\n1\na\nignored\nmine\nnew\nrun\n2" {
		t.Errorf("after a pull:\n%s", got)
	}
}

func TestPin(t *testing.T) {
	dir := t.TempDir()
	m, said := real(t, dir)
	first := shell(t, dir, `
		git init --quiet --initial-branch=main origin; cd origin
		git commit --quiet --allow-empty -m 1; git rev-parse HEAD
		git commit --quiet --allow-empty -m 2`)
	o := Options{Host: "demo", Remote: filepath.Join(dir, "origin"), Pin: first, Dir: filepath.Join(dir, "clone")}
	if err := enginetest.Check(t.Context(), m, o.fetch()...); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(said.said, "\n"), "config repo at revision "+first) {
		t.Errorf("%q", said.said)
	}
	// It stays on its branch, so that a later pull works.
	if got := shell(t, o.Dir, "git pull --quiet; git log --format=%s; git branch --show-current"); got != "2\n1\nmain" {
		t.Errorf("after a pull: %q", got)
	}
	o.Pin = strings.Repeat("0123", 10)
	fault, ok := errors.AsType[*sys.Fault](enginetest.Check(t.Context(), m, o.fetch()...))
	if !ok || fault.Code != sys.CodeSource || !strings.Contains(fault.Cause, o.Pin) || !strings.Contains(fault.Hint, "push that commit") {
		t.Errorf("%+v", fault)
	}
}

func TestEvaluated(t *testing.T) {
	facts := []byte("old")
	o := Options{Host: "demo", Remote: "r", Dir: t.TempDir() + "/clone", Facts: "c: c", Evaluated: &facts}
	for _, c := range []struct{ printed, want, problem string }{
		{`{"drvPath":"/nix/store/x.drv","facts":{"keymap":"us"}}`, `{"keymap":"us"}`, ""},
		{`{"drvPath":"/nix/store/x.drv",`, "", "evaluating demo"},
	} {
		f := sys.NewFake(t)
		f.Expect(o.evaluation().Argv...).Prints(c.printed)
		err := enginetest.Check(t.Context(), f, o.evaluate())
		switch {
		case c.problem == "" && (err != nil || string(facts) != c.want):
			t.Errorf("%s, %v", facts, err)
		case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
			t.Errorf("%v", err)
		}
	}
}

// A medium carries a prebuilt system, but not all of its build inputs.
func TestPrebuiltThatDoesNotEvaluate(t *testing.T) {
	facts := []byte{}
	o := Options{Host: "demo", Local: "/iso/x", Dir: t.TempDir() + "/clone", System: path, Facts: "c: c", Evaluated: &facts}
	f := sys.NewFake(t)
	f.Expect(o.evaluation().Argv...).Fails(1, "error: nixpkgs is not there")
	if err := enginetest.Check(t.Context(), f, o.evaluate()); err != nil {
		t.Error(err)
	}
	if len(facts) > 0 || !strings.Contains(strings.Join(f.Logged, "\n"), "nixpkgs is not there") {
		t.Errorf("%s, %q", facts, f.Logged)
	}
}

// lines is a Reporter that records lines.
type lines struct {
	sys.Silent
	said []string
}

func (l *lines) Command(c sys.Cmd)  { l.Log(c.String()) }
func (l *lines) Log(line string)    { l.said = append(l.said, line) }
func (l *lines) Warn(line string)   { l.Log(line) }
func (l *lines) Proven(line string) { l.Log(line) }
