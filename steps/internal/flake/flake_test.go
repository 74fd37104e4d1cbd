package flake

import (
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

func TestPath(t *testing.T) {
	if got, want := Path("/tmp/a b#c?d/x"), "path:/tmp/a%20b%23c%3Fd/x"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
