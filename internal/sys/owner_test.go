package sys

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// foreign returns a folder that another user owns and can reach, and that user's id.
// Without root it is this user's folder, because only root can change owners.
func foreign(t *testing.T) (dir string, uid int) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "foreign-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Geteuid() != 0 {
		return dir, os.Geteuid()
	}
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return dir, nobody
}

func TestRunsAsOwner(t *testing.T) {
	m, _ := newMachine(t)
	dir, uid := foreign(t)
	t.Setenv("SUDO_UID", "0")
	t.Setenv("XDG_CONFIG_HOME", "/root")
	t.Setenv("HOME", "/root")
	out, err := m.Output(t.Context(), Cmd{Owner: dir, Argv: []string{"sh", "-c", `id -u; id -G; echo "$HOME"; stat -c %u "$HOME"; echo "<$SUDO_UID$XDG_CONFIG_HOME>"`}})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	if os.Geteuid() != 0 {
		if got[0] == "0" {
			t.Errorf("%q", got)
		}
		return
	}
	if uid != 65534 || got[0] != "65534" || got[1] != "65534" || got[3] != "65534" || got[4] != "<>" {
		t.Errorf("%q", got)
	}
	if _, err := os.Stat(got[2]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the home %s is left: %v", got[2], err)
	}
	// A folder of root runs the command as root; a missing folder does not run it.
	own := t.TempDir()
	if out, err := m.Output(t.Context(), Cmd{Owner: own, Argv: []string{"id", "-u"}}); err != nil || string(out) != "0\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := m.Output(t.Context(), Cmd{Owner: filepath.Join(own, "gone"), Argv: []string{"id", "-u"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	// Root's files are out of its reach.
	file := filepath.Join(own, "secret")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	exit, ok := errors.AsType[*ExitError](m.Run(t.Context(), Cmd{Owner: dir, Argv: []string{"cat", file}}))
	if !ok || exit.Exit != 1 || !strings.Contains(exit.Error(), "cat, run as the folder's owner nobody, failed") {
		t.Errorf("%v", exit)
	}
}

// GiveTree does not follow links.
func TestGiveTree(t *testing.T) {
	dir, uid := foreign(t)
	tree, outside := t.TempDir(), t.TempDir()
	if out, err := exec.Command("sh", "-c", `cd "$1" && mkdir -p a/b && touch a/b/file && ln -s "$2" out && ln -s a/b in`, "sh", tree, outside).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := GiveTree(tree, dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		tree: uid, tree + "/a/b/file": uid, tree + "/out": uid, tree + "/in": uid, tree + "/a": uid, outside: os.Geteuid(),
	} {
		info, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := int(info.Sys().(*syscall.Stat_t).Uid); got != want {
			t.Errorf("%s is of %d, not %d", name, got, want)
		}
	}
}
