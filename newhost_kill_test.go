package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"auto-installer/secrets"
)

// growing is a repo that a host is added to.
type growing struct {
	t         *testing.T
	dir       string
	recipient string
	run, temp string // what all commands on it share
}

const someKeys = "{\n  me = \"age1jpkljpy80h6kt5rgkdd43h4kusm4de334puf36yzwgv4k9mrz95qwytuv4\"; # mine\n}\n"

func newGrowing(t *testing.T) *growing {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	id, err := secrets.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	g := &growing{t, dir, id.Recipient(), t.TempDir(), t.TempDir()}
	id.Wipe()
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "flake.nix"), []byte("{ outputs = _: { }; }\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "keys.nix"), []byte(someKeys), 0o600),
		exec.Command("git", "-C", dir, "init", "--quiet").Run(),
		exec.Command("git", "-C", dir, "add", "--all").Run(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// add is the command; sealed to a recipient alone, it is quick.
func (g *growing) add(host string) *exec.Cmd {
	cmd := exec.Command("auto-installer", "new-host", host, "--repo", g.dir, "--no-eval", "--allow-dirty",
		"--remote", "git@example.org:me/x", "--recipient", g.recipient)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+g.run, "TMPDIR="+g.temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// has is how many parts of the host are there, of how many.
func (g *growing) has(host string) (n, of int) {
	g.t.Helper()
	for _, name := range []string{"bundle.age", "deploy.pub", "host.toml", "installer.nix"} {
		of++
		if _, err := os.Stat(filepath.Join(g.dir, "hosts", host, name)); err == nil {
			n++
		} else if !errors.Is(err, os.ErrNotExist) {
			g.t.Fatal(err)
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

// Killed at any moment, new-host has added a host, or has not;
// AUTO_INSTALLER_KILLS=200 for a thorough look.
func TestNewHostKilledAtAnyMoment(t *testing.T) {
	kills := killCount()
	whole := newGrowing(t)
	start := time.Now()
	if out, err := whole.add("vega").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	takes := time.Since(start)
	if n, of := whole.has("vega"); n != of {
		t.Fatalf("%d of %d parts are there", n, of)
	}
	var before, after int
	for i := range kills {
		g := newGrowing(t)
		cmd := g.add("vega")
		both := i%2 == 1
		(&killedRepo{t: t, dir: g.dir}).killed(cmd, takes, both)
		if both {
			// The next start finishes first, whatever comes of itself.
			_ = g.add("no/name").Run()
			_ = g.add("me").Run()
			if left, err := os.ReadDir(g.temp); err != nil || len(left) > 0 {
				t.Errorf("kill %d: in the temporary folder are %v, %v", i, left, err)
			}
		}
		switch n, of := g.has("vega"); n {
		case 0:
			before++
		case of:
			after++
		default:
			t.Errorf("kill %d (both: %v): %d of %d parts are there", i, both, n, of)
		}
	}
	t.Logf("%v an addition: %d as before, %d as after", takes, before, after)
}
