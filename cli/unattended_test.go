package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/cli/secret"
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

func TestUnattendedSecretsOfOthers(t *testing.T) {
	for mode, refused := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true, 0o602: true} {
		file := filepath.Join(t.TempDir(), "key")
		if err := errors.Join(os.WriteFile(file, []byte("x"), 0o600), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		f := installFlags{unattended: true, host: "demo", secrets: []*secret.Flag{{Name: "age-identity", File: file}}}
		if err := f.unattendedAnswers(); (err != nil) != refused {
			t.Errorf("%o: %v", mode, err)
		}
	}
}
