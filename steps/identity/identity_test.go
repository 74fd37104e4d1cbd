package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

func key(t *testing.T) []byte {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return []byte("# created: today\n# public key: " + id.Recipient().String() + "\n" + id.String() + "\n")
}

func TestCheck(t *testing.T) {
	good := key(t)
	if err := Check(good); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string][]byte{
		"empty":              nil,
		"comments only":      []byte("# nothing\n"),
		"two":                append(append([]byte(nil), good...), key(t)...),
		"a recipient":        []byte("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudpezrws8zx4sp\n"),
		"cut short":          good[:len(good)-5],
		"an ssh key":         []byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"),
		"a plugin's":         []byte("AGE-PLUGIN-YUBIKEY-1AAAA\n"),
		"with a letter more": append(append([]byte(nil), good[:len(good)-1]...), "Q\n"...),
	} {
		err := Check(bad)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		if len(bad) > 0 && (strings.Contains(err.Error(), "AGE-SECRET-KEY-1Q") || strings.Contains(err.Error(), string(bad))) {
			t.Errorf("%s: the error quotes it: %v", name, err)
		}
		if public := name == "a recipient"; errors.Is(err, secrets.ErrPublic) != public {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mode(t *testing.T, name string, want os.FileMode) {
	t.Helper()
	fi, err := os.Lstat(name)
	if err != nil {
		t.Error(err)
	} else if fi.Mode() != want {
		t.Errorf("%s has mode %v, want %v", name, fi.Mode(), want)
	}
}

func TestRun(t *testing.T) {
	o := Options{Root: t.TempDir(), Host: "demo", Key: key(t)}
	// Left by an earlier run: a partial file, and a folder that is too open.
	if err := errors.Join(os.MkdirAll(filepath.Join(o.Root, dir), 0o755),
		os.WriteFile(filepath.Join(o.Root, dir, "demo.agekey.new"), []byte("half"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f := sys.NewFake(t)
		if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(o.Root, "etc/age/demo.agekey"))
		if err != nil || string(got) != string(o.Key) {
			t.Errorf("%q, %v", got, err)
		}
		mode(t, filepath.Join(o.Root, "etc/age"), 0o700|os.ModeDir)
		mode(t, filepath.Join(o.Root, "etc/age/demo.agekey"), 0o600)
		if names, _ := os.ReadDir(filepath.Join(o.Root, dir)); len(names) != 1 {
			t.Errorf("left behind: %v", names)
		}
		shown, err := json.Marshal(enginetest.Shown(Ops(o)...))
		if err != nil || strings.Contains(string(shown)+strings.Join(f.Logged, ""), "AGE-SECRET") {
			t.Errorf("shown %s, logged %q, %v", shown, f.Logged, err)
		}
		if !strings.Contains(string(shown), o.Root+"/etc/age/demo.agekey") {
			t.Errorf("%s", shown)
		}
	}
}

// A link on the target may lead out of it.
func TestLinksOutAreRefused(t *testing.T) {
	for _, link := range []string{"etc", "etc/age"} {
		t.Run(link, func(t *testing.T) {
			outside := t.TempDir()
			o := Options{Root: t.TempDir(), Host: "demo", Key: key(t)}
			if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(o.Root, link)), 0o755),
				os.Symlink(outside, filepath.Join(o.Root, link))); err != nil {
				t.Fatal(err)
			}
			err := enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...)
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || fault.Code != sys.CodeWritten || fault.Hint == "" {
				t.Errorf("%+v", err)
			}
			if strings.Contains(fmt.Sprintf("%#v", err), "AGE-SECRET") {
				t.Error("the error holds the key")
			}
			if names, _ := os.ReadDir(outside); len(names) != 0 {
				t.Errorf("written outside: %v", names)
			}
		})
	}
	// A link in place of the file is replaced, not followed.
	outside := filepath.Join(t.TempDir(), "precious")
	o := Options{Root: t.TempDir(), Host: "demo", Key: key(t)}
	if err := errors.Join(os.WriteFile(outside, []byte("keep"), 0o600), os.MkdirAll(filepath.Join(o.Root, dir), 0o700),
		os.Symlink(outside, filepath.Join(o.Root, "etc/age/demo.agekey"))); err != nil {
		t.Fatal(err)
	}
	if err := enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(outside); string(got) != "keep" {
		t.Errorf("%q", got)
	}
	mode(t, filepath.Join(o.Root, "etc/age/demo.agekey"), 0o600)
}

func TestTargetThatIsGone(t *testing.T) {
	err := enginetest.Run(t.Context(), sys.NewFake(t), Ops(Options{Root: t.TempDir() + "/gone", Host: "demo", Key: key(t)})...)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != sys.CodeWritten {
		t.Errorf("%+v", err)
	}
}
