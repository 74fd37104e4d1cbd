package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

const (
	path   = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-toplevel"
	secret = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n"
)

type want struct {
	name  string
	o     Options
	argvs [][]string
	undos [][]string
	log   string // its last line
}

// said is the last line of an install that builds.
const said = "the size of the system is not known before the build; the root will have 0 MiB"

func cases(dir string) []want {
	clone := dir + "/repo"
	eval := func(apply string, more ...string) []string {
		argv := append([]string{"nix", "--extra-experimental-features", "nix-command flakes", "eval", "--json", "--no-update-lock-file"}, more...)
		return append(argv, `git+file://`+clone+`#nixosConfigurations."demo".config`, "--apply", "config: { "+apply+"}")
	}
	evaluate := eval("drvPath = config.system.build.toplevel.drvPath; ")
	commands := func(argvs ...[]string) [][]string { return argvs }
	git := func(argv ...string) []string { return append([]string{"git", "-C", clone}, argv...) }
	const rev40 = "0123456789012345678901234567890123456789"
	pathInfo := []string{"nix", "--extra-experimental-features", "nix-command", "path-info", "--json", "--recursive", path}
	rev := []string{"git", "-C", clone, "rev-parse", "HEAD"}
	return []want{
		{"flake", Options{Host: "demo", Remote: "git://h/x", Dir: clone}, [][]string{
			{"git", "clone", "--progress", "--", "git://h/x", clone}, rev, evaluate,
		}, nil, said},
		{"ref", Options{Host: "demo", Remote: "git://h/x", Ref: "v1", Dir: clone}, [][]string{
			{"git", "clone", "--progress", "--", "git://h/x", clone},
			{"git", "-C", clone, "-c", "advice.detachedHead=false", "checkout", "v1", "--"},
			rev, evaluate,
		}, nil, said},
		{"local copy keeps the remote", Options{Host: "demo", Remote: "git@h:x", Local: "/iso/x", Dir: clone}, [][]string{
			{"git", "clone", "--progress", "--", "/iso/x", clone},
			{"git", "-C", clone, "remote", "set-url", "origin", "git@h:x"},
			rev, evaluate,
		}, nil, said},
		{"prebuilt with a repo", Options{Host: "demo", Local: "/iso/x", Dir: clone, System: path}, [][]string{
			{"git", "clone", "--progress", "--", "/iso/x", clone}, rev, pathInfo,
		}, nil, "prebuilt system " + path + ", closure of 3 MiB"},
		{
			"prebuilt alone",
			Options{Host: "demo", Dir: clone, System: path},
			[][]string{pathInfo},
			nil,
			"prebuilt system " + path + ", closure of 3 MiB",
		},
		{"deploy key", Options{
			Host: "demo", Remote: "git@h:x", Dir: clone, DeployKey: []byte(secret), DeployKeyFile: dir + "/key",
			Env: []string{"GIT_SSH_COMMAND=ssh -i key"},
		}, [][]string{
			{"install", "-m", "0600", "/dev/stdin", dir + "/key"},
			{"git", "clone", "--progress", "--", "git@h:x", clone},
			rev, evaluate,
		}, [][]string{{"rm", "-f", dir + "/key"}}, said},
		{"the medium's revision", Options{Host: "demo", Remote: "git://h/x", Pin: rev40, Dir: clone}, [][]string{
			{"git", "clone", "--progress", "--", "git://h/x", clone}, git("reset", "--hard", "--quiet", rev40), rev, evaluate,
		}, nil, said},
		{"a ref goes before the medium's revision", Options{Host: "demo", Remote: "git://h/x", Ref: "v1", Pin: rev40, Dir: clone}, [][]string{
			{"git", "clone", "--progress", "--", "git://h/x", clone},
			git("-c", "advice.detachedHead=false", "checkout", "v1", "--"), rev, evaluate,
		}, nil, said},
		{"a copy is at its revision", Options{Host: "demo", Local: "/iso/x", Pin: rev40, Dir: clone}, [][]string{
			{"git", "clone", "--progress", "--", "/iso/x", clone}, rev, evaluate,
		}, nil, said},
		{"what the host expects", Options{Host: "demo", Remote: "git://h/x", Dir: clone, Facts: "c: c", Evaluated: &[]byte{}}, [][]string{
			{"git", "clone", "--progress", "--", "git://h/x", clone},
			rev,
			eval("drvPath = config.system.build.toplevel.drvPath; facts = (c: c) config; "),
		}, nil, said},
		{
			"what a prebuilt host expects",
			Options{Host: "demo", Local: "/iso/x", Dir: clone, System: path, Facts: "c: c", Evaluated: &[]byte{}},
			[][]string{
				{"git", "clone", "--progress", "--", "/iso/x", clone},
				rev,
				eval("facts = (c: c) config; ", "--offline"), pathInfo,
			},
			nil,
			"prebuilt system " + path + ", closure of 3 MiB",
		},
		{
			"a prebuilt host without a repo",
			Options{Host: "demo", Dir: clone, System: path, Facts: "c: c", Evaluated: &[]byte{}},
			commands(pathInfo),
			nil, "prebuilt system " + path + ", closure of 3 MiB",
		},
		{"plain files", Options{Host: "demo", Local: "/iso/x", Plain: true, Remote: "git@h:x", Dir: clone}, [][]string{
			{"cp", "-R", "-T", "--", "/iso/x", clone},
			{"chmod", "-R", "u+w", clone},
			git("init", "--quiet", "--initial-branch=main"), git("add", "--all", "--force"),
			git("-c", "user.name=auto-installer", "-c", "user.email=auto-installer@localhost",
				"commit", "--quiet", "--message", "The configuration as the installer medium carried it"),
			git("remote", "add", "origin", "git@h:x"),
			git("update-ref", "--create-reflog", "refs/remotes/origin/main", "HEAD"),
			git("branch", "--quiet", "--set-upstream-to=origin/main"),
			git("config", "branch.main.rebase", "true"), rev, evaluate,
		}, nil, said},
	}
}

func (w want) expect(f *sys.Fake, n int) (last *sys.Call) {
	for _, argv := range w.argvs[:n] {
		last = f.Expect(argv...)
		switch {
		case slices.Contains(argv, "eval"):
			last.Prints(`{"drvPath":"/nix/store/x.drv","facts":{"keymap":"us"}}`)
		case slices.Contains(argv, "path-info"):
			last.Prints(`{"` + path + `":{"narSize":3145728}}`)
		case slices.Contains(argv, "rev-parse"):
			last.Prints("0123abc\n")
		}
	}
	return last
}

func TestCommands(t *testing.T) {
	for _, c := range cases(t.TempDir()) {
		t.Run(c.name, func(t *testing.T) {
			// An earlier run has left a clone.
			if err := errors.Join(os.MkdirAll(c.o.Dir, 0o700), os.WriteFile(c.o.Dir+"/old", nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			c.o.Live = inStore(t, path)
			f := sys.NewFake(t)
			c.expect(f, len(c.argvs))
			for _, argv := range c.undos {
				f.Expect(argv...)
			}
			if err := enginetest.Check(t.Context(), f, Ops(c.o)...); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(c.o.Dir + "/old"); err == nil && c.o.hasRepo() {
				t.Error("the old clone is still there")
			}
			if last := f.Logged[len(f.Logged)-1]; last != c.log {
				t.Errorf("logged %q, want %q", last, c.log)
			}
			if err := f.Unwind(t.Context()); err != nil {
				t.Error(err)
			}
			shown, err := json.Marshal(enginetest.Shown(Ops(c.o)...))
			if err != nil || strings.Contains(string(shown), "hunter2") || strings.Contains(strings.Join(f.Logged, "\n"), "hunter2") {
				t.Errorf("the key is shown, or %v", err)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	for _, c := range cases(t.TempDir()) {
		for failing, argv := range c.argvs {
			if c.o.System != "" && slices.Contains(argv, "eval") {
				continue // see TestPrebuiltThatDoesNotEvaluate
			}
			t.Run(fmt.Sprint(c.name, ", command ", failing), func(t *testing.T) {
				f := sys.NewFake(t)
				c.expect(f, failing+1).Fails(128, "fatal: no")
				if failing > 0 { // what was done before is undone
					for _, argv := range c.undos {
						f.Expect(argv...)
					}
				}
				err := enginetest.Check(t.Context(), f, Ops(c.o)...)
				fault, ok := errors.AsType[*sys.Fault](err)
				if !ok || fault.Code != sys.CodeSource || fault.Hint == "" || !strings.Contains(fault.Cause, "fatal: no") {
					t.Errorf("%+v", err)
				}
				if strings.Contains(fmt.Sprintf("%+v %#v", err, err), "hunter2") {
					t.Errorf("the error holds the key: %+v", err)
				}
				if err := f.Unwind(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestPrebuiltThatIsNotThere(t *testing.T) {
	o := Options{Host: "demo", System: path}
	f := sys.NewFake(t)
	f.Expect(enginetest.Shown(o.prebuilt())[0].Argv...).Prints(`{"` + path + `":null}`)
	fault, ok := errors.AsType[*sys.Fault](enginetest.Check(t.Context(), f, Ops(o)...))
	if !ok || fault.Code != sys.CodeSource || !strings.Contains(fault.Cause, "not valid in this store") {
		t.Errorf("%+v", fault)
	}
}

// git and ssh must not ask questions.
func TestGitAsksNothing(t *testing.T) {
	for _, c := range cases("/d") {
		for _, a := range enginetest.Shown(Ops(c.o)...) {
			if slices.Contains(a.Argv, "clone") && !slices.Contains(a.Env, "GIT_TERMINAL_PROMPT=0") {
				t.Errorf("%s: %+v", c.name, a)
			}
		}
	}
}

// The real git and install: a clone of a repo on this machine, at a tag, with a key in a file
// of mode 600.
func TestRealClone(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("git is needed: ./bootstrap installs it")
	}
	dir := t.TempDir()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	origin := filepath.Join(dir, "origin")
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", origin, "-c", "user.name=n", "-c", "user.email=e@x"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.Mkdir(origin, 0o700); err != nil {
		t.Fatal(err)
	}
	git("init", "--quiet", "--initial-branch=main")
	git("commit", "--quiet", "--allow-empty", "-m", "1")
	first := git("rev-parse", "HEAD")
	git("tag", "v1")
	git("commit", "--quiet", "--allow-empty", "-m", "2")

	undos, err := sys.OpenUndoStack(filepath.Join(dir, "undo.json"))
	if err != nil {
		t.Fatal(err)
	}
	said := &lines{}
	m := &sys.Machine{Reporter: said, Undos: undos}
	o := Options{
		Host: "demo", Remote: "https://example.org/x", Local: origin, Ref: "v1", Dir: filepath.Join(dir, "clone"),
		DeployKey: []byte(secret), DeployKeyFile: filepath.Join(dir, "key"),
	}
	for range 2 { // the second replaces the first's clone
		if err := enginetest.Check(t.Context(), m, o.fetch()...); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Contains(said.said, "config repo at revision "+first) {
		t.Errorf("not at the tag: %q", said.said)
	}
	if strings.Contains(strings.Join(said.said, "\n"), "hunter2") {
		t.Errorf("the key is shown: %q", said.said)
	}
	out, err := exec.Command("git", "-C", o.Dir, "remote", "get-url", "origin").Output()
	if err != nil || strings.TrimSpace(string(out)) != o.Remote {
		t.Errorf("%s, %v", out, err)
	}
	if fi, err := os.Stat(o.DeployKeyFile); err != nil || fi.Mode() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	if key, err := os.ReadFile(o.DeployKeyFile); err != nil || string(key) != secret {
		t.Errorf("%q, %v", key, err)
	}
	if err := m.Unwind(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(o.DeployKeyFile); err == nil {
		t.Error("the key stays")
	}
	o.Ref = "no-such-ref"
	fault, ok := errors.AsType[*sys.Fault](enginetest.Check(t.Context(), m, o.fetch()...))
	if !ok || fault.Code != sys.CodeSource || !strings.Contains(fault.Cause, "no-such-ref") {
		t.Errorf("%+v", fault)
	}
}
