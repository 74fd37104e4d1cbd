package git

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

// Programs in a repo's config or address do not run, submodules are skipped, and the
// commands of an install work.
func TestEnv(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("bash", "-euc", `
		cd "$1"; export HOME="$1"; git config --global user.email a@b; git config --global user.name a; git config --global protocol.file.allow always
		git init -q sub; echo x >sub/x; git -C sub add .; git -C sub commit -qm x
		git init -q repo; cd repo; git submodule --quiet add ../sub sub; echo y >y; git add .; git commit -qm y
		for hook in post-checkout post-index-change reference-transaction; do printf '#!/bin/sh\ntouch %s/hook\n' "$1" >.git/hooks/$hook; done
		printf '#!/bin/sh\ntouch %s/monitor.ran\n' "$1" >../monitor; chmod +x .git/hooks/* ../monitor
		git config core.fsmonitor "$1/monitor"; git config submodule.recurse true; rm -f ../hook ../monitor.ran`, "bash", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("HOME", dir)
	m := &sys.Machine{Reporter: sys.Silent{}}
	repo := filepath.Join(dir, "repo")
	for _, c := range []sys.Cmd{
		In(repo, "", "status", "--porcelain"),
		In(repo, "", "checkout", "--quiet", "HEAD", "--"),
		{Argv: []string{"git", "clone", "--quiet", repo, filepath.Join(dir, "clone")}, Env: Env},
	} {
		if err := m.Run(t.Context(), c); err != nil {
			t.Errorf("%s: %v", c, err)
		}
	}
	for _, name := range []string{"hook", "monitor.ran", "clone/sub/x"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("there is %s (%v)", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "clone/y")); err != nil {
		t.Error(err)
	}
	for _, address := range []string{"ext::touch " + filepath.Join(dir, "ran"), "foo::bar"} {
		err := m.Run(t.Context(), sys.Cmd{Argv: []string{"git", "clone", address, filepath.Join(dir, "other")}, Env: Env})
		if err == nil || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("the address ran a command")
	}
}
