package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The welcome screen shows the commit that the medium was built from.
func TestScreensTellTheMediumsRevision(t *testing.T) {
	commit := strings.Repeat("0123abcd", 5)
	for file, want := range map[string]string{commit + "\n": "0123abcd0123abcd", commit + "-dirty\n": "0123abcd0123abcd-dirty", "\n": "", "v1\n": "v1"} {
		medium := t.TempDir()
		if err := os.WriteFile(filepath.Join(medium, "revision"), []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := (&screens{}).options(medium).Revision; got != want {
			t.Errorf("%q: %q", file, got)
		}
	}
	if got := (&screens{}).options(t.TempDir()).Revision; got != "" {
		t.Errorf("%q of no medium", got)
	}
}

// Several invalid hosts are reported together, also to the screens.
func TestScreensTellOfEveryBadHost(t *testing.T) {
	var names []string
	for _, name := range []string{"one.toml", "two.toml"} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte("power = true\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, file)
	}
	_, _, err := (&screens{hosts: append(names, "demo")}).load()
	if err == nil || asError(err).Code != 3 || !strings.Contains(err.Error(), "one.toml:1: power") || !strings.Contains(err.Error(), "two.toml:1: power") {
		t.Errorf("%v", err)
	}
	args, defs, err := (&screens{hosts: []string{"demo", "ultraviolet"}}).load()
	if err != nil || len(defs) != 2 || args["demo"] != "demo" {
		t.Errorf("%v %v %v", args, defs, err)
	}
}
