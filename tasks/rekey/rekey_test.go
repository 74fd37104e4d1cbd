package rekey

import (
	"bytes"
	"context"
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

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// flake is a repo with secrets, and keys that open them.
type flake struct {
	t    *testing.T
	dir  string
	keys map[string]*secrets.Identity
	rule []secrets.Rule
	held []string
}

func newFlake(t *testing.T, names ...string) *flake {
	f := &flake{t: t, dir: t.TempDir(), keys: map[string]*secrets.Identity{}}
	if err := os.Mkdir(filepath.Join(f.dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		id, err := secrets.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		f.keys[n] = id
	}
	return f
}

func (f *flake) recipients(names string) []*secrets.Recipient {
	f.t.Helper()
	var list []*secrets.Recipient
	for _, n := range strings.Fields(names) {
		r, err := secrets.ParseRecipient(f.keys[n].Recipient())
		if err != nil {
			f.t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// add makes a secret for some keys, with a rule for others.
func (f *flake) add(name, isFor, wanted string, isArmored, armored bool) {
	f.t.Helper()
	data, err := secrets.Encrypt([]byte("content of "+name), isArmored, secrets.Recipients(f.recipients(isFor))...)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(f.dir, name)), 0o755), os.WriteFile(filepath.Join(f.dir, name), data, 0o640))
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.rule = append(f.rule, secrets.Rule{File: name, Recipients: f.recipients(wanted), Armor: armored})
}

func (f *flake) options() Options {
	o := Options{Root: f.dir, Dir: f.dir, Rules: f.rule, Names: map[string]string{}}
	for n, id := range f.keys {
		o.Names[id.Recipient()] = n
	}
	for _, n := range f.held {
		k, err := secrets.ParseHeld(f.keys[n].File(), secrets.Ask{})
		if err != nil {
			f.t.Fatal(err)
		}
		o.Held = append(o.Held, k...)
	}
	return o
}

// run runs the whole task.
func (f *flake) run(s sys.System) error {
	w, err := Look(f.t.Context(), f.options())
	if err == nil {
		err = enginetest.Check(f.t.Context(), s, w.opens()...)
	}
	if err == nil {
		err = enginetest.Run(f.t.Context(), s, w.writes()...)
	}
	return err
}

func (f *flake) file(name string) []byte {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

// opens checks that a secret is for exactly these keys.
func (f *flake) opens(name, names string, armored bool) {
	f.t.Helper()
	data := f.file(name)
	for n, id := range f.keys {
		var in io.Reader = bytes.NewReader(data)
		if armored {
			in = armor.NewReader(in)
		}
		want := slices.Contains(strings.Fields(names), n)
		out, err := age.Decrypt(in, id.Age())
		if want != (err == nil) {
			f.t.Errorf("%s opens %s: %v", n, name, err)
			continue
		}
		if err != nil {
			continue
		}
		if got, err := io.ReadAll(out); err != nil || string(got) != "content of "+name {
			f.t.Errorf("%s is %q, %v", name, got, err)
		}
	}
}

func TestRekey(t *testing.T) {
	f := newFlake(t, "me", "one", "two", "old")
	f.held = []string{"me"}
	f.add("a.age", "me", "me one", false, false)
	f.add("sub/b.age", "me old", "me two", false, false)
	f.add("armored.age", "me one", "me one two", false, true)
	f.add("mine.age", "me", "me", true, true)
	mine := f.file("mine.age")
	s := sys.NewFake(t)
	if err := f.run(s); err != nil {
		t.Fatal(err)
	}
	f.opens("a.age", "me one", false)
	f.opens("sub/b.age", "me two", false)
	f.opens("armored.age", "me one two", true)
	if !bytes.Equal(mine, f.file("mine.age")) {
		t.Error("a file that was for the right ones was changed")
	}
	if info, err := os.Stat(filepath.Join(f.dir, "a.age")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if last := s.Logged[len(s.Logged)-1]; last != "3 of 4 files re-encrypted" {
		t.Errorf("it says %q", last)
	}
	if n := len(s.Reports); n != 6 {
		t.Errorf("%d reports of progress", n)
	}

	if text := fmt.Sprint(s.Logged, s.Reports); strings.Contains(text, "content of") || strings.Contains(text, "SECRET") {
		t.Error("a secret was logged")
	}

	// A second run keeps what is shown to be right. Anonymous stanzas do not show it.
	a := f.file("a.age")
	if err := f.run(sys.NewFake(t)); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a, f.file("a.age")) || !bytes.Equal(mine, f.file("mine.age")) {
		t.Error("a second run")
	}
}

// If some cannot be opened, no file changes, and the error names them.
func TestAllOrNothing(t *testing.T) {
	for name, spoil := range map[string]func(f *flake){
		"two.age, x/three.age": func(f *flake) {
			f.add("two.age", "one", "me one", false, false)
			f.add("x/three.age", "one", "me one", true, true)
		},
		"damaged.age": func(f *flake) {
			f.add("damaged.age", "me", "me one", false, false)
			data := f.file("damaged.age")
			data[len(data)-1] ^= 1
			_ = os.WriteFile(filepath.Join(f.dir, "damaged.age"), data, 0o600)
		},
		"empty.age": func(f *flake) {
			f.add("empty.age", "me", "me one", false, false)
			_ = os.WriteFile(filepath.Join(f.dir, "empty.age"), nil, 0o600)
		},
		"folder.age": func(f *flake) {
			f.add("folder.age/x", "me", "me", false, false)
			f.rule[len(f.rule)-1].File = "folder.age"
		},
		"mixed.age": func(f *flake) {
			f.add("mixed.age", "me", "me one", false, false)
			pq, err := age.GenerateHybridIdentity()
			if err != nil {
				f.t.Fatal(err)
			}
			r, err := secrets.ParseRecipient(pq.Recipient().String())
			if err != nil {
				f.t.Fatal(err)
			}
			f.rule[len(f.rule)-1].Recipients = append(f.rule[len(f.rule)-1].Recipients, r)
		},
		"link.age": func(f *flake) {
			f.add("link.age", "me", "me one", false, false)
			file := filepath.Join(f.dir, "link.age")
			_ = os.Rename(file, file+".real")
			_ = os.Symlink("link.age.real", file)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlake(t, "me", "one")
			f.held = []string{"me"}
			f.add("good.age", "me", "me one", false, false)
			good := f.file("good.age")
			spoil(f)
			err := f.run(sys.NewFake(t))
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v", err)
			}
			if !bytes.Equal(good, f.file("good.age")) {
				t.Error("another file was changed")
			}
		})
	}
}

func TestChangedWhileItRan(t *testing.T) {
	f := newFlake(t, "me", "one")
	f.held = []string{"me"}
	f.add("a.age", "me", "me one", false, false)
	f.add("b.age", "me", "me one", false, false)
	s := sys.NewFake(t)
	w, err := Look(t.Context(), f.options())
	if err == nil {
		err = enginetest.Check(t.Context(), s, w.opens()...)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := f.file("a.age")
	if err := os.WriteFile(filepath.Join(f.dir, "b.age"), []byte("someone's"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = enginetest.Run(t.Context(), s, w.writes()...)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || !strings.Contains(fault.Cause, "b.age was changed") {
		t.Errorf("%v", err)
	}
	if !bytes.Equal(a, f.file("a.age")) || string(f.file("b.age")) != "someone's" {
		t.Error("something was written")
	}
	for _, file := range w.Files {
		if file.content != nil {
			t.Error("a content was not wiped")
		}
	}
}

func TestStopped(t *testing.T) {
	f := newFlake(t, "me", "one")
	f.held = []string{"me"}
	f.add("a.age", "me", "me one", false, false)
	w, err := Look(t.Context(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if err := enginetest.Check(ctx, sys.NewFake(t), w.opens()...); !errors.Is(err, stopped) {
		t.Error(err)
	}
}

func TestChanged(t *testing.T) {
	f := newFlake(t, "me", "one")
	f.held = []string{"me"}
	f.add("a.age", "me", "me one", false, false)
	f.add("b.age", "me", "me", false, false)
	a := f.file("a.age")
	files, err := Changed(t.Context(), sys.NewFake(t), f.options())
	if err != nil || len(files) != 1 || !bytes.Equal(a, f.file("a.age")) {
		t.Fatal(err, len(files))
	}
	if err := os.WriteFile(filepath.Join(f.dir, "a.age"), files["a.age"], 0o600); err != nil {
		t.Fatal(err)
	}
	f.opens("a.age", "me one", false)
	f.held = []string{"me", "one"} // they show that it is right now
	if files, err := Changed(t.Context(), sys.NewFake(t), f.options()); err != nil || len(files) != 0 {
		t.Errorf("once more: %d, %v", len(files), err)
	}
}

func TestCheck(t *testing.T) {
	f := newFlake(t, "me", "one", "two", "old")
	f.add("fewer.age", "me", "me one", false, false)
	f.add("other.age", "me old", "me one", false, false)
	f.add("more.age", "me one old", "me one", false, false)
	f.add("good.age", "me", "me", false, false)
	f.rule = append(f.rule, secrets.Rule{File: "gone.age", Recipients: f.recipients("me")})
	check := func() (said []string, err error) {
		w, err := Look(t.Context(), f.options())
		if err != nil {
			t.Fatal(err)
		}
		s := sys.NewFake(t)
		err = enginetest.Check(t.Context(), s, w.checks()...)
		return s.Logged, err
	}
	wants := func(err error, said []string, bad int, lines ...string) {
		t.Helper()
		fault, ok := errors.AsType[*sys.Fault](err)
		if !ok || fault.Code != sys.CodeContract || !strings.HasPrefix(fault.Cause, fmt.Sprintf("%d of 4 files", bad)) {
			t.Errorf("%v", err)
		}
		for _, l := range lines {
			if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, l) }) {
				t.Errorf("it does not say %q but\n%s", l, strings.Join(said, "\n"))
			}
		}
	}
	said, err := check()
	wants(err, said, 1, "fewer.age: 1 of 2 recipients cannot open it", "gone.age is missing", "not certain of 3", "more.age has a recipient that the rules do not name")
	f.held = []string{"one"}
	said, err = check()
	wants(err, said, 2, "fewer.age: one (age1", "other.age: one (age1")
	f.held = []string{"me", "one", "old"}
	if err := f.run(sys.NewFake(t)); err != nil {
		t.Fatal(err)
	}
	f.held = nil
	if said, err = check(); err != nil || said[len(said)-1] != "no file of 4 lacks a recipient; missing: 1" {
		t.Errorf("%v\n%s", err, strings.Join(said, "\n"))
	}
}

// Every file that cannot be replaced is reported, before anything is decrypted.
func TestToldBeforeDecrypting(t *testing.T) {
	f := newFlake(t, "me", "one")
	f.add("good.age", "me", "me one", false, false)
	f.add("link.age", "me", "me one", false, false)
	f.add("dir/other.age", "me", "me one", false, false)
	f.add("same.age", "me", "me", false, false)
	outside := t.TempDir()
	link, dir, same := filepath.Join(f.dir, "link.age"), filepath.Join(f.dir, "dir"), filepath.Join(f.dir, "same.age")
	for _, err := range []error{
		os.Rename(link, link+".real"), os.Symlink("link.age.real", link),
		os.Rename(dir, filepath.Join(outside, "dir")), os.Symlink(filepath.Join(outside, "dir"), dir),
		os.Rename(same, same+".real"), os.Symlink("same.age.real", same),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.held = []string{"me"} // what it opens shows that same.age stays as it is
	w, err := Look(t.Context(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	err = w.Replaceable()
	fault, ok := errors.AsType[*sys.Fault](err)
	if !ok || fault.Hint == "" || fault.Code != sys.CodeUsage || !strings.Contains(fault.Cause, "link.age is a symbolic link") || !strings.Contains(fault.Cause, "dir/other.age") ||
		strings.Contains(fault.Cause, "good") || strings.Contains(fault.Cause, "same") {
		t.Errorf("%v", err)
	}
	s := sys.NewFake(t)
	if err := enginetest.Check(t.Context(), s, w.opens()...); err == nil || len(s.Reports) > 0 {
		t.Errorf("something was decrypted: %v, %v", err, s.Reports)
	}
}

const (
	pluginRecipient = "age1nosuch1xqcnyve5x5mrwwpesz79kj"
	pluginIdentity  = "AGE-PLUGIN-NOSUCH-1XQCNYVE5X5MRWWPE4VJR3L"
)

// The error names a plugin that is not installed.
func TestMissingPlugin(t *testing.T) {
	r, err := secrets.ParseRecipient(pluginRecipient)
	if err != nil {
		t.Fatal(err)
	}
	f := newFlake(t, "me")
	f.held = []string{"me"}
	f.add("a.age", "me", "me", false, false)
	f.rule[0].Recipients = append(f.rule[0].Recipients, r)
	w, err := Look(t.Context(), f.options())
	if err == nil {
		err = w.Replaceable()
	}
	fault, ok := errors.AsType[*sys.Fault](err)
	if !ok || fault.Code != sys.CodeMachine || !strings.Contains(fault.Cause, "age-plugin-nosuch") || !strings.Contains(fault.Hint, "install age-plugin-nosuch") {
		t.Errorf("%v", err)
	}
	// The key that opens them.
	f = newFlake(t, "me", "one")
	f.add("a.age", "one", "me", false, false)
	o := f.options()
	if o.Held, err = secrets.ParseHeld([]byte(pluginIdentity), secrets.Ask{}); err != nil {
		t.Fatal(err)
	}
	if w, err = Look(t.Context(), o); err == nil {
		err = enginetest.Check(t.Context(), sys.NewFake(t), w.opens()...)
	}
	fault, ok = errors.AsType[*sys.Fault](err)
	if !ok || fault.Code != sys.CodeMachine || !strings.Contains(fault.Hint, "install age-plugin-nosuch") {
		t.Errorf("%v", err)
	}
}

func TestNames(t *testing.T) {
	f := newFlake(t, "me", "one")
	me, one := f.keys["me"].Recipient(), f.keys["one"].Recipient()
	text := `let hosts = { one = "` + one + `"; }; me = "` + me + `"; in { one = [ hosts.one ] ++ [ me ]; inherit me; }`
	if err := os.WriteFile(filepath.Join(f.dir, "keys.nix"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if names := Names(filepath.Join(f.dir, "secrets.nix")); names[one] != "one" || names[me] != "me" {
		t.Errorf("the names are %v", names)
	}
	if names := Names("/nowhere/secrets.nix"); len(names) > 0 {
		t.Errorf("the names are %v", names)
	}
}
