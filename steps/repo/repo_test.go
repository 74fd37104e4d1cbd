package repo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

var cases = []struct {
	name  string
	o     Options
	argvs [][]string
}{
	{"nobody's", Options{From: "/run/r", Root: "/", To: "/mnt/etc/nix-config", UID: 1000, GID: 100}, [][]string{
		{"mkdir", "-p", "/mnt/etc"},
		{"rm", "--recursive", "--force", "--one-file-system", "--", "/mnt/etc/nix-config"},
		{"cp", "--archive", "--no-target-directory", "/run/r", "/mnt/etc/nix-config"},
	}},
	{"outside the user's home", Options{From: "/run/r", Root: "/", To: "/mnt/etc/c", Home: "/mnt/home/u", UID: 1000, GID: 100}, [][]string{
		{"mkdir", "-p", "/mnt/etc"},
		{"rm", "--recursive", "--force", "--one-file-system", "--", "/mnt/etc/c"},
		{"cp", "--archive", "--no-target-directory", "/run/r", "/mnt/etc/c"},
	}},
	{"a home with a longer name", Options{From: "/run/r", Root: "/", To: "/mnt/home/user2/c", Home: "/mnt/home/user", UID: 1000, GID: 100}, [][]string{
		{"mkdir", "-p", "/mnt/home/user2"},
		{"rm", "--recursive", "--force", "--one-file-system", "--", "/mnt/home/user2/c"},
		{"cp", "--archive", "--no-target-directory", "/run/r", "/mnt/home/user2/c"},
	}},
	{"in the home", Options{From: "/run/r", Root: "/", To: "/mnt/home/u/c", Home: "/mnt/home/u", UID: 1000, GID: 100}, [][]string{
		{"install", "-d", "-m", "0700", "-o", "1000", "-g", "100", "/mnt/home/u"},
		{"rm", "--recursive", "--force", "--one-file-system", "--", "/mnt/home/u/c"},
		{"cp", "--archive", "--no-target-directory", "/run/r", "/mnt/home/u/c"},
		{"chown", "--recursive", "1000:100", "/mnt/home/u/c"},
	}},
	{"deep in the home", Options{From: "/run/r", Root: "/", To: "/mnt/home/u/a/b/c", Home: "/mnt/home/u", UID: 1001, GID: 0}, [][]string{
		{"install", "-d", "-m", "0700", "-o", "1001", "-g", "0", "/mnt/home/u"},
		{"install", "-d", "-o", "1001", "-g", "0", "/mnt/home/u/a", "/mnt/home/u/a/b"},
		{"rm", "--recursive", "--force", "--one-file-system", "--", "/mnt/home/u/a/b/c"},
		{"cp", "--archive", "--no-target-directory", "/run/r", "/mnt/home/u/a/b/c"},
		{"chown", "--recursive", "1001:0", "/mnt/home/u/a/b/c"},
	}},
}

func TestCommands(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := sys.NewFake(t)
			for _, argv := range c.argvs {
				f.Expect(argv...)
			}
			if err := enginetest.Run(t.Context(), f, Ops(c.o)...); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	c := cases[len(cases)-1]
	for failing := range c.argvs {
		t.Run(fmt.Sprint("command ", failing), func(t *testing.T) {
			f := sys.NewFake(t)
			for i, argv := range c.argvs[:failing+1] {
				if call := f.Expect(argv...); i == failing {
					call.Fails(1, "no space left on device")
				}
			}
			fault, ok := errors.AsType[*sys.Fault](enginetest.Run(t.Context(), f, Ops(c.o)...))
			if !ok || fault.Code != sys.CodeWritten || fault.Hint == "" || !strings.Contains(fault.Cause, "no space") {
				t.Errorf("%+v", fault)
			}
		})
	}
}

// The real commands, with this user as the owner, which needs no rights.
func TestRealCopy(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "clone")
	home := filepath.Join(dir, "mnt", "home", "u")
	if err := errors.Join(os.MkdirAll(filepath.Join(from, ".git"), 0o755),
		os.WriteFile(filepath.Join(from, "flake.nix"), []byte("{}"), 0o640),
		os.WriteFile(filepath.Join(from, ".git", "HEAD"), []byte("ref"), 0o600),
		os.Symlink("flake.nix", filepath.Join(from, "link")),
		os.MkdirAll(filepath.Dir(home), 0o755)); err != nil {
		t.Fatal(err)
	}
	o := Options{From: from, Root: filepath.Join(dir, "mnt"), To: filepath.Join(home, "src", "nix"), Home: home, UID: os.Getuid(), GID: os.Getgid()}
	m := &sys.Machine{Reporter: sys.Silent{}}
	for range 2 { // the second finds the result of the first
		if err := enginetest.Run(t.Context(), m, Ops(o)...); err != nil {
			t.Fatal(err)
		}
		for name, mode := range map[string]os.FileMode{
			"": 0o700 | os.ModeDir, "src": 0o755 | os.ModeDir, "src/nix/flake.nix": 0o640, "src/nix/.git/HEAD": 0o600,
		} {
			if fi, err := os.Stat(filepath.Join(home, name)); err != nil || fi.Mode() != mode {
				t.Errorf("%s: %v, %v", name, fi.Mode(), err)
			}
		}
		if to, err := os.Readlink(filepath.Join(home, "src/nix/link")); to != "flake.nix" {
			t.Errorf("%q, %v", to, err)
		}
		if _, err := os.Stat(filepath.Join(home, "src/nix/clone")); err == nil {
			t.Error("the second copy went into the first")
		}
	}
}

// A disk that was written to before may have a link at the path of the clone.
func TestLinkOutOfTheTarget(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	kept := filepath.Join(outside, "c", "kept")
	if err := errors.Join(os.MkdirAll(filepath.Dir(kept), 0o755), os.WriteFile(kept, nil, 0o600), os.Mkdir(filepath.Join(root, "home"), 0o755),
		os.Symlink(outside, filepath.Join(root, "home", "u"))); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(root, "home", "u")
	for _, to := range []string{"c", "a/c"} {
		o := Options{From: outside, Root: root, To: filepath.Join(home, to), Home: home}
		fault, ok := errors.AsType[*sys.Fault](enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...))
		if !ok || fault.Code != sys.CodeWritten || !strings.Contains(fault.Hint, "--start-over") {
			t.Errorf("%s: %+v", to, fault)
		}
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}
