package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyHost(t *testing.T) {
	dir := t.TempDir()
	if _, err := onlyHost(dir); err == nil || !strings.Contains(err.Error(), "has no host") {
		t.Errorf("%v", err)
	}
	add := func(name string) string {
		t.Helper()
		file := filepath.Join(dir, name, "host.toml")
		if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		return file
	}
	want := add("demo")
	if got, err := onlyHost(dir); got != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	add("other")
	if _, err := onlyHost(dir); err == nil || !strings.Contains(err.Error(), "several hosts: demo, other") {
		t.Errorf("%v", err)
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
