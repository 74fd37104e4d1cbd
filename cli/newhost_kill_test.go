package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"auto-installer/internal/nix/nixtest"
)

// growing is a repo that a host is added to.
type growing struct {
	t         *testing.T
	dir, pass string
	run, temp string // for all of its commands
}

const someKeys = "{\n  me = \"age1jpkljpy80h6kt5rgkdd43h4kusm4de334puf36yzwgv4k9mrz95qwytuv4\"; # mine\n}\n"

func newGrowing(t *testing.T) *growing {
	t.Helper()
	dir, err := filepath.EvalSymlinks(inMemory(t))
	if err != nil {
		t.Fatal(err)
	}
	g := &growing{t, dir, filepath.Join(t.TempDir(), "pass"), t.TempDir(), t.TempDir()}
	for _, err := range []error{
		os.WriteFile(g.pass, []byte("correct horse\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "flake.nix"), []byte("{ outputs = _: { }; }\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "keys.nix"), []byte(someKeys), 0o600),
		exec.Command("git", "-C", dir, "init", "--quiet", "--template=").Run(),
		exec.Command("git", "-C", dir, "add", "--all").Run(),
		exec.Command("git", "-C", dir, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "-m", "x").Run(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// add returns the command.
func (g *growing) add(flags ...string) *exec.Cmd {
	cmd := exec.Command("auto-installer", append([]string{
		"new-host", "vega", "--repo", g.dir, "--no-eval",
		"--remote", "git@example.org:me/x", "--bundle-passphrase-file", g.pass,
	}, flags...)...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+g.run, "TMPDIR="+g.temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// state returns how many parts of the host exist, and of how many. Every file that exists is
// complete.
func (g *growing) state() (n, of int) {
	const host = "vega"
	g.t.Helper()
	for name, ends := range map[string]string{
		"bundle.age": "-----END AGE ENCRYPTED FILE-----\n", "deploy.pub": " " + host + "-installer\n", "host.toml": "\n", "installer.nix": "}\n",
	} {
		of++
		data, err := os.ReadFile(filepath.Join(g.dir, "hosts", host, name))
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			g.t.Fatal(err)
		case !strings.HasSuffix(string(data), ends):
			g.t.Errorf("%s is\n%s", name, data)
		default:
			n++
		}
	}
	keys, err := os.ReadFile(filepath.Join(g.dir, "keys.nix"))
	if err != nil {
		g.t.Fatal(err)
	}
	if of++; strings.Contains(string(keys), host+" = ") {
		n++
	} else if string(keys) != someKeys {
		g.t.Errorf("keys.nix is\n%s", keys)
	}
	return n, of
}

// finished expects the host to be complete, in git's index, with one key, and no other files.
func (g *growing) finished() error {
	g.t.Helper()
	if n, of := g.state(); n != of {
		return fmt.Errorf("%d of %d parts are there", n, of)
	}
	out, err := exec.Command("git", "-C", g.dir, "status", "--porcelain", "--untracked-files=all").Output()
	if err != nil {
		return err
	}
	want := "M  keys.nix\n"
	for _, name := range []string{"bundle.age", "deploy.pub", "host.toml", "installer.nix"} {
		want = strings.Replace(want, "M ", "A  hosts/vega/"+name+"\nM ", 1)
	}
	if string(out) != want {
		return fmt.Errorf("git says\n%s", out)
	}
	keys, err := os.ReadFile(filepath.Join(g.dir, "keys.nix"))
	if err == nil && strings.Count(string(keys), "vega = ") != 1 {
		err = fmt.Errorf("keys.nix is\n%s", keys)
	}
	if left, leftErr := os.ReadDir(g.temp); leftErr != nil || len(left) > 0 {
		return fmt.Errorf("in the temporary folder are %v, %w", left, leftErr)
	}
	return err
}

// new-host is killed before each of its changes, and once more in the next run. Each file is
// complete, and new-host then finishes, with --replace if it says so. With AUTO_INSTALLER_KILLS=200 it is also
// killed at that many random moments.
func TestNewHostKilledAtAnyMoment(t *testing.T) {
	nixtest.Need(t)
	seen := map[int]bool{}
	var of int
	for at := 1; ; at++ {
		g := newGrowing(t)
		killed := killedBefore(t, g.add(), at)
		if killed && at%2 == 0 {
			killedBefore(t, g.again(), at/2)
		}
		var n int
		n, of = g.state()
		seen[n] = true
		g.goesOn(fmt.Sprintf("killed before change %d", at))
		if !killed {
			break
		}
	}
	for n := range of + 1 {
		if !seen[n] {
			t.Errorf("no kill left %d files", n)
		}
	}
	start := time.Now()
	if out, err := newGrowing(t).add().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	takes := time.Since(start)
	count := map[int]int{}
	for i := range killCount(t) {
		g := newGrowing(t)
		n := -1
		if i%3 > 0 {
			n = rand.IntN(5)
		}
		for range 1 + i%2 { // the second kill hits the run that finishes
			killed(t, g.again(), takes, n, g.dir, filepath.Join(g.dir, "hosts/vega"))
		}
		there, _ := g.state()
		count[there]++
		g.goesOn(fmt.Sprintf("kill %d", i))
	}
	t.Logf("%v an addition; how often so many of %d parts were there: %v", takes, of, count)
}

// again is the command after a kill: with --replace, as its error says, if files of the
// host are in their places.
func (g *growing) again() *exec.Cmd {
	g.t.Helper()
	// It is the first of them.
	if _, err := os.Stat(filepath.Join(g.dir, "hosts/vega/bundle.age")); err == nil {
		return g.add("--allow-dirty", "--replace")
	}
	return g.add("--allow-dirty")
}

// goesOn expects new-host to finish after a kill.
func (g *growing) goesOn(when string) {
	g.t.Helper()
	if g.finished() == nil { // it had finished before the kill
		return
	}
	if out, err := g.again().CombinedOutput(); err != nil {
		g.t.Errorf("%s: run again: %v\n%s", when, err, out)
	}
	if err := g.finished(); err != nil {
		g.t.Errorf("%s: run again: %v", when, err)
	}
}
