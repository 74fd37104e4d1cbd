package newhost

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/secrets"
)

// Keys are where most repos have them, or else in the rules.
func TestKeysFile(t *testing.T) {
	for want, files := range map[string][]string{
		"secrets/keys.nix":    {"secrets/secrets.nix", "secrets/keys.nix"},
		"keys.nix":            {"secrets.nix", "keys.nix"},
		"secrets/secrets.nix": {"secrets/secrets.nix", "public.nix"},
		"":                    {"flake.nix"},
	} {
		root := filepath.Join(t.TempDir(), "repo")
		for _, file := range files {
			full := filepath.Join(root, file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if got := (Request{}).work(root).keys; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A secret that the copy of the repo lacks is not taken for missing.
func TestLeftOut(t *testing.T) {
	root, base := t.TempDir(), t.TempDir()
	if err := errors.Join(
		os.MkdirAll(filepath.Join(root, "secrets"), 0o700), os.Mkdir(filepath.Join(root, ".git"), 0o700),
		os.Symlink("/nowhere/a.age", filepath.Join(root, "secrets/link.age")),
		os.WriteFile(filepath.Join(root, "secrets/ignored.age"), nil, 0o600),
		os.WriteFile(filepath.Join(root, "secrets/there.age"), nil, 0o600),
		os.WriteFile(filepath.Join(base, "there.age"), nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"link.age": "is a symbolic link", "ignored.age": "git ignores", "there.age": "", "missing.age": "",
	} {
		err := leftOut(root, filepath.Join(root, "secrets/secrets.nix"), base, []secrets.Rule{{File: name}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
