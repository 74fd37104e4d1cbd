package newhost

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
)

// prepared is an untrusted repo. It is another user's, if root runs the tests.
func prepared(t *testing.T, script string) (repo, marks string, uid int) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "prepared-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	repo, marks, uid = filepath.Join(dir, "repo"), filepath.Join(dir, "marks"), os.Geteuid()
	c := exec.Command("bash", "-euc", `mkdir repo marks; cd repo; git init -q .; echo '{ }' >flake.nix; git add .; `+script)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if uid == 0 {
		uid = 65534
		if out, err := exec.Command("chown", "-R", "65534:65534", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return repo, marks, uid
}

func machine() *sys.Machine { return &sys.Machine{Reporter: sys.Silent{}, Undos: &sys.UndoStack{}} }

// Programs in .git/config do not run. Filters, which git cannot forbid, run with the
// rights of the repo's owner.
func TestRepoRunsNothingAsRoot(t *testing.T) {
	repo, marks, uid := prepared(t, `
		printf '#!/bin/sh\nid -u >>../marks/$0.mark\n' >../mark; chmod +x ../mark
		for name in fsmonitor clean; do printf '#!/bin/sh\nid -u >>../marks/%s\ncat\n' $name >../$name; chmod +x ../$name; done
		git config core.fsmonitor ../fsmonitor
		git config filter.evil.clean ../clean
		echo '*.nix filter=evil' >.gitattributes
		echo '{  }' >flake.nix`)
	w := Request{Host: hosts.Host{TargetHost: "vega"}, AllowDirty: true}.work(repo)
	if _, err := machine().Output(t.Context(), w.status()); err != nil {
		t.Fatal(err)
	}
	w.copied = t.TempDir()
	if err := w.fillCopy(t.Context(), machine()); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(marks, "fsmonitor")); err == nil {
		t.Errorf("the repo's file system monitor ran, as %s", data)
	}
	data, err := os.ReadFile(filepath.Join(marks, "clean"))
	if err != nil {
		return // no filter ran: better still
	}
	for who := range strings.FieldsSeq(string(data)) {
		if who != map[bool]string{true: "65534", false: who}[uid == 65534] {
			t.Errorf("the repo's filter ran as %s", who)
		}
	}
}

// The copy holds nothing from beyond a link out of the repo.
func TestCopyFollowsNoLinkOut(t *testing.T) {
	outside := t.TempDir()
	put(t, outside, "secret", "hidden")
	repo, _, uid := prepared(t, `
		mkdir dir deep; touch dir/secret deep/x; git add .; rm -r dir; ln -s `+outside+` dir
		ln -s `+outside+`/secret file; ln -s flake.nix within; ln -s ../flake.nix deep/up; ln -s ../../marks deep/out
		ln -s gone dangling; ln -s . here; ln -s here/../../marks around; git add -A -- file within deep dangling here around`)
	w := Request{Host: hosts.Host{TargetHost: "vega"}}.work(repo)
	w.files["hosts/vega/host.toml"] = []byte("x")
	to := t.TempDir()
	w.copied = to
	if err := w.fillCopy(t.Context(), machine()); err != nil {
		t.Fatal(err)
	}
	if err := writeIn(to, "later/keys.nix", []byte("{ }")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dir", "file", "deep/out", "around"} {
		if _, err := os.Lstat(filepath.Join(to, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the copy has %s (%v)", name, err)
		}
	}
	for _, name := range []string{"flake.nix", "within", "deep/up", "deep/x", "dangling", "hosts/vega/host.toml", "hosts", "later/keys.nix", "later", ".git", "."} {
		info, err := os.Lstat(filepath.Join(to, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := int(info.Sys().(*syscall.Stat_t).Uid); got != uid {
			t.Errorf("%s is of user %d, who evaluates it is %d", name, got, uid)
		}
	}
}
