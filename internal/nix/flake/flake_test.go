package flake

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestRef(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"plain repo/.git", "my#repo?/.git", "my#repo?/a b+c", "plain repo/c#", "no#git"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{
		"plain repo":      top + "/plain repo",
		"my#repo?":        "git+file://" + top + "/my%23repo%3F",
		"my#repo?/a b+c":  "git+file://" + top + "/my%23repo%3F?dir=a%20b%2Bc",
		"plain repo/c#":   "git+file://" + top + "/plain%20repo?dir=c%23",
		"no#git":          "path:" + top + "/no%23git",
		"no#git/not here": "path:" + top + "/no%23git/not%20here",
	} {
		if got := Ref(filepath.Join(top, dir)); got != want {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
}

// A link to a folder is the folder, and one below it is in the same flake.
func TestFind(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"repo/.git", "repo/hosts/a", "sub/.git", "sub/nix/hosts", "bare/.git/x", "no#git/x"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"repo/flake.nix", "sub/nix/flake.nix", "no#git/flake.nix"} {
		if err := os.WriteFile(filepath.Join(top, name), []byte("{ }"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"lnk": "repo", "hosts": "repo/hosts", "lnk2": "lnk", "h#sh": "no#git"} {
		if err := os.Symlink(to, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	// A work tree that git worktree has made has a file .git.
	if err := errors.Join(os.Mkdir(filepath.Join(top, "tree"), 0o700), os.WriteFile(filepath.Join(top, "tree/.git"), []byte("gitdir: /x"), 0o600),
		os.WriteFile(filepath.Join(top, "tree/flake.nix"), []byte("{ }"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		"repo": "repo", "lnk": "repo", "lnk2": "repo", "hosts": "repo", "lnk/hosts/a": "repo", "repo/hosts/a": "repo", "repo/": "repo",
		"sub": "sub", "sub/nix/hosts": "sub/nix", "bare": "bare", "tree": "tree", "no#git/x": "no#git", "h#sh": "no#git", "gone": "gone",
	} {
		if got := Find(filepath.Join(top, dir)); got != filepath.Join(top, want) {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
	if got, want := Ref(filepath.Join(top, "lnk")), top+"/repo"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := Ref(filepath.Join(top, "h#sh")), "path:"+top+"/no%23git"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPath(t *testing.T) {
	if got, want := Path("/tmp/a b#c?d/x"), "path:/tmp/a%20b%23c%3Fd/x"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
