package secretsproof

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

func identity(t *testing.T) *secrets.Identity {
	t.Helper()
	id, err := secrets.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(id.Wipe)
	return id
}

// fits is a secret of one identity.
type fits struct{ *secrets.Identity }

func (fits) NeedsIdentity() bool { return true }
func (fits) Readable() int       { return 1 }
func (f fits) Fits(key []byte) error {
	id, err := secrets.ParseIdentity(key)
	if err == nil && id.Recipient() != f.Recipient() {
		err = errors.New("it does not open a.age")
	}
	return err
}

type none struct{ Secrets }

func (none) NeedsIdentity() bool { return false }

func put(t *testing.T, file string, data []byte) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(t, os.WriteFile(file, data, 0o600))
}

func TestProof(t *testing.T) {
	host, other := identity(t), identity(t)
	for _, c := range []struct {
		name    string
		make    func(t *testing.T, root string)
		problem string
		says    string
	}{
		{"good", func(*testing.T, string) {}, "", "opens all 1 secrets"},
		{"gone", func(t *testing.T, root string) { must(t, os.Remove(root+"/etc/age/demo.agekey")) }, "", "cannot open its secrets until"},
		{"readable by others", func(t *testing.T, root string) { must(t, os.Chmod(root+"/etc/age/demo.agekey", 0o640)) }, "-rw-r-----", ""},
		{"an open folder", func(t *testing.T, root string) { must(t, os.Chmod(root+"/etc/age", 0o755)) }, "drwxr-xr-x", ""},
		{"a link", func(t *testing.T, root string) {
			must(t, os.Remove(root+"/etc/age/demo.agekey"))
			must(t, os.Symlink("/etc/passwd", root+"/etc/age/demo.agekey"))
		}, "is L", ""},
		{"another's", func(t *testing.T, root string) {
			must(t, os.WriteFile(root+"/etc/age/demo.agekey", other.File(), 0o600))
		}, "it does not open a.age", ""},
		{"cut off", func(t *testing.T, root string) {
			must(t, os.Truncate(root+"/etc/age/demo.agekey", 20))
		}, "invalid age identity file", ""},
		{"empty", func(t *testing.T, root string) { must(t, os.Truncate(root+"/etc/age/demo.agekey", 0)) }, "invalid age identity file", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Root: t.TempDir(), Host: "demo", Owner: os.Getuid(), Secrets: fits{host}}
			put(t, o.Root+"/etc/age/demo.agekey", host.File())
			must(t, os.Chmod(o.Root+"/etc/age", 0o700))
			c.make(t, o.Root)
			f := sys.NewFake(t)
			err := enginetest.Run(t.Context(), f, Ops(o)...)
			if c.problem == "" {
				if err != nil || !strings.Contains(strings.Join(f.Logged, "\n"), c.says) {
					t.Errorf("%v, %q", err, f.Logged)
				}
				return
			}
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || fault.Code != sys.CodeBootProof || fault.Hint == "" || !strings.Contains(fault.Cause, c.problem) {
				t.Errorf("%+v", err)
			}
		})
	}
	// Another user's.
	o := Options{Root: t.TempDir(), Host: "demo", Owner: os.Getuid() + 1, Secrets: fits{host}}
	put(t, o.Root+"/etc/age/demo.agekey", host.File())
	must(t, os.Chmod(o.Root+"/etc/age", 0o700))
	if err := enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...); err == nil || !strings.Contains(err.Error(), "of user") {
		t.Errorf("%v", err)
	}
	// Without secrets the identity is not read.
	f := sys.NewFake(t)
	if err := enginetest.Run(t.Context(), f, Ops(Options{Root: "/nonexistent", Host: "demo", Secrets: none{}})...); err != nil {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
