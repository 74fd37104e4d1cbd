package secret

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExposed(t *testing.T) {
	dir := t.TempDir()
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o400: "", 0o700: "",
		0o640: "its group", 0o620: "its group",
		0o644: EveryUser, 0o604: EveryUser, 0o602: EveryUser, 0o666: EveryUser,
	} {
		file := filepath.Join(dir, "a key")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		got := Exposed("", file, filepath.Join(dir, "gone"), "/dev/null")
		if len(got) == 0 != (want == "") || want != "" && (!strings.Contains(got[0], "open to "+want) || !strings.HasSuffix(got[0], "chmod 600 '"+file+"'")) {
			t.Errorf("%o: %q", mode, got)
		}
	}
}

func TestSecretsInTheStore(t *testing.T) {
	dir := t.TempDir()
	store, link := filepath.Join(dir, "store"), filepath.Join(dir, "passphrase")
	inside := filepath.Join(store, "x-passphrase")
	if err := errors.Join(os.Mkdir(store, 0o755), os.WriteFile(inside, nil, 0o400), os.Symlink(inside, link),
		os.WriteFile(store+"-not", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for file, refused := range map[string]bool{inside: true, link: true, store + "-not": false, filepath.Join(dir, "gone"): false} {
		if err := inStore("--passphrase", file, store); (err != nil) != refused {
			t.Errorf("%s: %v", file, err)
		}
	}
}
