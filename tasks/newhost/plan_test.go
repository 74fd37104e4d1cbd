package newhost

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/secrets"
)

// Keys are where most repos have them, or where the rules have them from.
func TestKeysFile(t *testing.T) {
	const keys = "{ one = \"age1jpkljpy80h6kt5rgkdd43h4kusm4de334puf36yzwgv4k9mrz95qwytuv4\"; }"
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"beside":      {map[string]string{"secrets/secrets.nix": "import ./x.nix", "secrets/x.nix": keys, "secrets/keys.nix": keys}, "secrets/keys.nix"},
		"at the top":  {map[string]string{"secrets.nix": "", "keys.nix": keys}, "keys.nix"},
		"imported":    {map[string]string{"secrets/secrets.nix": "let k = import ../public.nix; in k", "public.nix": keys}, "public.nix"},
		"in a folder": {map[string]string{"secrets.nix": "let k = import ./keys; in k", "keys/default.nix": keys}, "keys/default.nix"},
		"two":         {map[string]string{"secrets.nix": "[ (import ./a.nix) (import ./b.nix) ]", "a.nix": keys, "b.nix": keys}, ""},
		"no keys":     {map[string]string{"secrets.nix": "import ./a.nix", "a.nix": "{ lib }: { }"}, ""},
		"outside":     {map[string]string{"secrets.nix": "import ../a.nix"}, ""},
		"inline":      {map[string]string{"secrets.nix": "{ }"}, ""},
	} {
		root := filepath.Join(t.TempDir(), "repo")
		for file, text := range tt.files {
			full := filepath.Join(root, file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		rules := firstOf(root, "secrets.nix", "secrets/secrets.nix")
		if got := keysFile(root, rules); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	outside := t.TempDir()
	for file, text := range map[string]string{"a.nix": keys, "repo/secrets.nix": "import ../a.nix"} {
		full := filepath.Join(outside, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if got := keysFile(filepath.Join(outside, "repo"), "secrets.nix"); got != "" {
		t.Errorf("outside of the repo: %q", got)
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
