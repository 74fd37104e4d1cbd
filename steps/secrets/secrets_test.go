package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"auto-installer/hosts/facts"
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

// seal writes a file that is encrypted to identities, below a folder.
func seal(t *testing.T, dir, name string, armored bool, ids ...*secrets.Identity) string {
	t.Helper()
	var rs []age.Recipient
	for _, id := range ids {
		r, err := age.ParseX25519Recipient(id.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	var out bytes.Buffer
	var to io.Writer = &out
	a := armor.NewWriter(&out)
	if armored {
		to = a
	}
	w, err := age.Encrypt(to, rs...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("hunter2")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if armored {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return put(t, filepath.Join(dir, name), out.Bytes(), 0o644)
}

func put(t *testing.T, file string, data []byte, mode os.FileMode) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, data, mode)); err != nil {
		t.Fatal(err)
	}
	return file
}

func options(t *testing.T, named ...facts.Secret) Options {
	t.Helper()
	return Options{
		Host: "demo", Repo: t.TempDir(), Found: &Found{},
		Facts: &facts.Facts{Secrets: named},
	}
}

func TestAllOpen(t *testing.T) {
	host, other := identity(t), identity(t)
	o := options(t, facts.Secret{Name: "wifi", File: "/nix/store/none/secrets/wifi.age", InSource: "secrets/wifi.age"},
		facts.Secret{Name: "vpn", File: "/nix/store/none/secrets/vpn.age", InSource: "secrets/deep/vpn.age"})
	seal(t, o.Repo, "secrets/wifi.age", false, other, host)
	seal(t, o.Repo, "secrets/deep/vpn.age", true, host)
	o.Key = host.File()
	f := sys.NewFake(t)
	if err := enginetest.Check(t.Context(), f, Ops(o)...); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(f.Logged, "the age identity opens all 2 secrets of demo") || !o.Found.NeedsIdentity() {
		t.Errorf("%q, %+v", f.Logged, o.Found)
	}
}

// The error names every file that does not open, with the reason, and does not quote
// the key.
func TestFilesThatDoNotOpen(t *testing.T) {
	host, other := identity(t), identity(t)
	o := options(t, facts.Secret{Name: "a", File: "", InSource: "a.age"}, facts.Secret{Name: "b", File: "", InSource: "b.age"}, facts.Secret{Name: "c", File: "", InSource: "c.age"}, facts.Secret{Name: "d", File: "", InSource: "d.age"})
	seal(t, o.Repo, "a.age", false, other)
	seal(t, o.Repo, "b.age", false, host)
	put(t, o.Repo+"/c.age", []byte("plain text"), 0o644)
	put(t, o.Repo+"/d.age", nil, 0o644)
	o.Key = host.File()
	f := sys.NewFake(t)
	err := enginetest.Check(t.Context(), f, Ops(o)...)
	fault, ok := errors.AsType[*sys.Fault](err)
	if !ok || fault.Code != sys.CodeContract || !strings.Contains(fault.Hint, "rekey") {
		t.Fatalf("%+v", err)
	}
	for _, words := range []string{"a.age (none of the given identities opens it)", "c.age (", "d.age ("} {
		if !strings.Contains(fault.Cause, words) {
			t.Errorf("no %q in %s", words, fault.Cause)
		}
	}
	if strings.Contains(fault.Cause, "b.age") {
		t.Error(fault.Cause)
	}
	if said := fmt.Sprintf("%#v %q", err, f.Logged); strings.Contains(said, "AGE-SECRET") || strings.Contains(said, "hunter2") {
		t.Error(said)
	}
}

// A secret of another flake is read where the evaluation put it. A warning names one
// that is not on this machine.
func TestWhereSecretsAre(t *testing.T) {
	host := identity(t)
	elsewhere := seal(t, t.TempDir(), "x.age", false, host)
	o := options(t, facts.Secret{Name: "other", File: elsewhere, InSource: "x.age"}, facts.Secret{Name: "gone", File: "/nix/store/none/g.age", InSource: "g.age"},
		facts.Secret{Name: "out", File: "", InSource: "../out.age"}, facts.Secret{Name: "relative", File: "x.age", InSource: ""})
	seal(t, filepath.Dir(o.Repo), "out.age", false, host)
	o.Key = host.File()
	f := sys.NewFake(t)
	if err := enginetest.Check(t.Context(), f, Ops(o)...); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Found.Files, []File{{"x.age", elsewhere}}) || !slices.Equal(o.Found.Unread, []string{"g.age", "../out.age", "relative"}) {
		t.Errorf("%+v", o.Found)
	}
	if said := strings.Join(f.Logged, "\n"); !strings.Contains(said, "g.age is not on this machine") {
		t.Error(said)
	}
}

func TestWithoutIdentity(t *testing.T) {
	o := options(t, facts.Secret{Name: "a", File: "", InSource: "a.age"})
	seal(t, o.Repo, "a.age", false, identity(t))
	f := sys.NewFake(t)
	if err := enginetest.Check(t.Context(), f, Ops(o)...); err != nil || !o.Found.NeedsIdentity() {
		t.Errorf("%v, %+v", err, o.Found)
	}
	if said := strings.Join(f.Logged, "\n"); !strings.Contains(said, "demo has 1 secrets, and no age identity to open them") {
		t.Error(said)
	}
}

func TestUnattendedNeedsIdentity(t *testing.T) {
	o := options(t, facts.Secret{Name: "a", File: "", InSource: "a.age"})
	o.Must = true
	seal(t, o.Repo, "a.age", false, identity(t))
	fault, ok := errors.AsType[*sys.Fault](enginetest.Check(t.Context(), sys.NewFake(t), Ops(o)...))
	if !ok || fault.Code != sys.CodeUsage || !strings.Contains(fault.Hint, "--no-age-identity") {
		t.Errorf("%+v", fault)
	}
	o.Facts = &facts.Facts{Secrets: []facts.Secret{}} // it needs none
	if err := enginetest.Check(t.Context(), sys.NewFake(t), Ops(o)...); err != nil {
		t.Error(err)
	}
}

func TestNoSecrets(t *testing.T) {
	o := options(t)
	o.Facts = &facts.Facts{Secrets: []facts.Secret{}}
	seal(t, o.Repo, "secrets/secrets.nix", false, identity(t)) // not looked at
	f := sys.NewFake(t)
	if err := enginetest.Check(t.Context(), f, Ops(o)...); err != nil || o.Found.NeedsIdentity() {
		t.Errorf("%v, %+v", err, o.Found)
	}
	if !slices.Contains(f.Logged, "demo has no secrets, so it needs no age identity") {
		t.Errorf("%q", f.Logged)
	}
}

// A host that does not look for the identity in its place is refused, unless it gets
// none.
func TestIdentityPaths(t *testing.T) {
	for _, c := range []struct {
		paths   []string
		without bool
		refused bool
	}{
		{nil, false, false},
		{[]string{"/etc/ssh/key"}, false, true},
		{[]string{"/etc/ssh/key"}, true, false},
		{[]string{"/etc/ssh/key", "/etc/age/demo.agekey"}, false, false},
	} {
		o := options(t, facts.Secret{Name: "a", File: "", InSource: "a.age"})
		host := identity(t)
		seal(t, o.Repo, "a.age", false, host)
		o.Facts.IdentityPaths, o.Without = c.paths, c.without
		for _, key := range [][]byte{host.File(), nil} { // one that comes later is put there too
			o.Key = key
			err := enginetest.Check(t.Context(), sys.NewFake(t), Ops(o)...)
			fault, ok := errors.AsType[*sys.Fault](err)
			if (err != nil) != c.refused || c.refused && (!ok || fault.Code != sys.CodeContract || !strings.Contains(fault.Hint, `add "/etc/age/demo.agekey" to age.identityPaths`)) {
				t.Errorf("%q: %+v", c.paths, err)
			}
		}
	}
}

func TestInvalidIdentity(t *testing.T) {
	o := options(t, facts.Secret{Name: "a", File: "", InSource: "a.age"})
	seal(t, o.Repo, "a.age", false, identity(t))
	o.Key = []byte("AGE-SECRET-KEY-1NOTONE\n")
	err := enginetest.Check(t.Context(), sys.NewFake(t), Ops(o)...)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != sys.CodeContract || strings.Contains(fmt.Sprintf("%#v", err), "NOTONE") {
		t.Errorf("%+v", err)
	}
}

// A secret that is a link out of the repo is not read.
func TestLinkOutOfTheRepo(t *testing.T) {
	outside := put(t, filepath.Join(t.TempDir(), "shadow"), []byte("root:secret"), 0o600)
	o := options(t, facts.Secret{Name: "wifi", InSource: "wifi.age"}, facts.Secret{Name: "up", InSource: "../up.age"})
	if err := os.Symlink(outside, filepath.Join(o.Repo, "wifi.age")); err != nil {
		t.Fatal(err)
	}
	if err := o.find(t.Context(), sys.NewFake(t)); err != nil {
		t.Fatal(err)
	}
	if len(o.Found.Files) != 0 || len(o.Found.Unread) != 2 {
		t.Errorf("%+v", o.Found)
	}
}
