package newhost

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// The copy of a repo has the repo's links. The draft is not written through those that
// lead out of it.
func TestDraftStaysInCopy(t *testing.T) {
	outside, copied := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "wifi.age")
	if err := os.WriteFile(secret, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"wifi.age": secret, "hosts": outside} {
		if err := os.Symlink(to, filepath.Join(copied, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"wifi.age", "hosts/wifi.age", "hosts/vega/bundle.age", "../escaped"} {
		w := Request{}.work(t.TempDir())
		w.files[name] = []byte("changed")
		if err := w.writeTo(copied); err == nil {
			t.Errorf("%s is written", name)
		}
	}
	if data, err := os.ReadFile(secret); err != nil || string(data) != "as it was" {
		t.Errorf("it is %q now, %v", data, err)
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
		t.Errorf("outside are %v, %v", list, err)
	}
	w := Request{}.work(t.TempDir())
	w.files["hosts.d/vega/bundle.age"] = []byte("sealed")
	if err := w.writeTo(copied); err != nil {
		t.Error(err)
	}
}

// nixLooks is a machine whose nix records which files the flake has.
type nixLooks struct {
	*sys.Machine
	sees  []string
	fails error
	// evaluates is called with a file that is evaluated on its own.
	evaluates func(file string) error
}

func (n *nixLooks) look(c sys.Cmd) error {
	n.sees = nil
	for _, word := range c.Argv {
		ref, ok := strings.CutPrefix(word, "path:")
		if !ok {
			continue
		}
		dir, _, _ := strings.Cut(ref, "#")
		return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && path != dir {
				n.sees = append(n.sees, strings.TrimPrefix(path, dir+"/"))
			}
			return err
		})
	}
	return errors.New("it is given no flake")
}

func (n *nixLooks) Output(ctx context.Context, c sys.Cmd) ([]byte, error) {
	if i := slices.Index(c.Argv, "--file"); i > 0 && c.Argv[0] == "nix" {
		return []byte("{}"), n.evaluates(c.Argv[i+1])
	}
	if c.Argv[0] == "nix" && slices.Contains(c.Argv, "builtins.attrNames") {
		return []byte(`["vega", "vega-installer"]`), n.look(c)
	}
	if c.Argv[0] == "nix" {
		return []byte(`{"keymap": "de", "loader": {"systemdBoot": true}}`), n.look(c)
	}
	return n.Machine.Output(ctx, c)
}

func (n *nixLooks) Lines(_ context.Context, c sys.Cmd, _ func(string)) error {
	return errors.Join(n.look(c), n.fails)
}

// warnings are the warnings of a task.
type warnings struct {
	sys.Silent
	said []string
}

func (w *warnings) Warn(line string) { w.said = append(w.said, line) }

// nix evaluates the files that git will know, and the copy is removed. A host that does
// not fit what the installer makes is a warning.
func TestProvesWhatGitKnows(t *testing.T) {
	repo, temp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	for name, text := range map[string]string{
		".gitignore": "*.log", "flake.nix": "{ }", "hosts/sun/default.nix": "{ }", "gone.nix": "{ }",
	} {
		put(t, repo, name, text)
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}} {
		if out, err := exec.Command("git", append([]string{"-C", repo}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for name, text := range map[string]string{
		"secrets.nix": "{ }", "hosts/left/over/x.nix": "{ }", "hosts/sun/new.nix": "{ }", "keys.nix": "{ }", "build.log": "",
	} {
		put(t, repo, name, text)
	}
	if err := os.Remove(filepath.Join(repo, "gone.nix")); err != nil {
		t.Fatal(err)
	}
	w := Request{Host: hosts.Host{TargetHost: "vega"}, Evaluate: true}.work(repo)
	w.files["hosts/vega/host.toml"] = []byte{}
	w.files["keys.nix"] = []byte("{ vega = 1; }")
	w.recipient = "age1jpkljpy80h6kt5rgkdd43h4kusm4de334puf36yzwgv4k9mrz95qwytuv4"
	warned := &warnings{}
	n := &nixLooks{Machine: &sys.Machine{Reporter: warned, Undos: &sys.UndoStack{}}}
	n.evaluates = func(file string) error {
		_, err := os.Stat(filepath.Join(filepath.Dir(file), "hosts/left/over/x.nix")) // agenix sees all
		return err
	}
	if err := enginetest.Check(t.Context(), n, w.proveOps()...); err != nil {
		t.Fatal(err)
	}
	want := []string{".gitignore", "flake.nix", "hosts", "hosts/sun", "hosts/sun/default.nix", "hosts/vega", "hosts/vega/host.toml", "keys.nix"}
	if !slices.Equal(n.sees, want) {
		t.Errorf("nix sees %q", n.sees)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	if said := strings.Join(warned.said, "\n"); !strings.Contains(said, `the installer will refuse this host: the host has no fileSystems."/"`) {
		t.Errorf("it warns:\n%s", said)
	}
	n.fails = errors.New("hosts/sun/new.nix does not exist")
	err := enginetest.Check(t.Context(), n, w.proveOps()...)
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok || !strings.Contains(f.Hint, "not hosts/left/over/x.nix and 2 more: `git add`") {
		t.Errorf("%+v", err)
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}
