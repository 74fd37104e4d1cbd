package tree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"auto-installer/steps/internal/sys"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == Command {
		os.Exit(Main(os.Args[2], os.Stderr))
	}
	if len(os.Args) == 3 && os.Args[1] == "change" {
		os.Exit(change(os.Args[2]))
	}
	os.Exit(m.Run())
}

// repo is a git work tree of these files: name, content, …
func repo(t *testing.T, files ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "init", "--quiet")
	put(t, dir, files...)
	return dir
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func put(t *testing.T, dir string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(files[i+1]), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// content is all files of a tree but git's, a line of name, mode and content
// each.
func content(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".git" && d.IsDir():
			return fs.SkipDir
		case d.Name() == ".git" || d.IsDir():
			return nil
		}
		data, err := os.ReadFile(path)
		info, err2 := d.Info()
		name, _ := filepath.Rel(dir, path)
		all.WriteString(name + " " + info.Mode().String() + " " + string(data) + "\n")
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func begin(t *testing.T, root string) *Tx {
	t.Helper()
	tx, err := Begin(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func no(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestCommit(t *testing.T) {
	for _, where := range []string{"a repo", "a worktree", "no repo"} {
		t.Run(where, func(t *testing.T) {
			dir := repo(t, "a", "1", "sub/b", "2", "gone", "3")
			no(t, os.Chmod(filepath.Join(dir, "a"), 0o750))
			switch where {
			case "a worktree":
				git(t, dir, "add", ".")
				git(t, dir, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "-m", "x")
				other := filepath.Join(t.TempDir(), "other")
				git(t, dir, "worktree", "add", "--quiet", other)
				dir = other
				no(t, os.Chmod(filepath.Join(dir, "a"), 0o750))
			case "no repo":
				no(t, os.RemoveAll(filepath.Join(dir, ".git")))
			}
			before := content(t, dir)
			tx := begin(t, dir)
			data, err := tx.Read("sub/b")
			if err != nil || string(data) != "2" {
				t.Fatal(err)
			}
			no(t, tx.Write("a", 0, []byte("new a")), tx.Write("./sub/b", 0o600, []byte("new b")),
				tx.Write("x/y/z", 0, []byte("new z")), tx.Remove("gone"))
			if got := content(t, dir); where != "no repo" && got != before {
				t.Errorf("before the commit it is\n%s", got)
			}
			no(t, tx.Commit(t.Context()))
			want := "a -rwxr-x--- new a\nsub/b -rw------- new b\nx/y/z -rw-r--r-- new z\n"
			if got := content(t, dir); got != want {
				t.Errorf("it is\n%snot\n%s", got, want)
			}
			if n, err := Recover(dir); n != 0 || err != nil {
				t.Errorf("there was something to recover: %d, %v", n, err)
			}
			if _, err := os.Stat(filepath.Join(dir, ".auto-installer")); !os.IsNotExist(err) {
				t.Errorf("a folder of ours is left in the tree: %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".git/auto-installer/tree-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestRollback(t *testing.T) {
	dir := repo(t, "a", "1")
	before := content(t, dir)
	tx := begin(t, dir)
	no(t, tx.Write("a", 0, []byte("2")), tx.Write("new/b", 0, []byte("2")), tx.Rollback(), tx.Rollback())
	if got := content(t, dir); got != before {
		t.Errorf("it is\n%s", got)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	tx = begin(t, dir)
	no(t, tx.Write("a", 0, []byte("2")))
	if err := tx.Commit(ctx); err == nil || err.Error() != "stopped" {
		t.Error(err)
	}
	if got := content(t, dir); got != before {
		t.Errorf("it is\n%s", got)
	}
}

func TestChangedMeanwhile(t *testing.T) {
	for name, meddle := range map[string]func(dir string) error{
		"edited":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "b"), []byte("mine"), 0o644) },
		"removed": func(dir string) error { return os.Remove(filepath.Join(dir, "b")) },
		"made":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "c"), []byte("mine"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := repo(t, "a", "1", "b", "2")
			tx := begin(t, dir)
			if _, err := tx.Read("b"); err != nil {
				t.Fatal(err)
			}
			no(t, tx.Write("a", 0, []byte("new")))
			if name == "edited" {
				no(t, meddle(dir)) // between reading and writing
			}
			no(t, tx.Write("b", 0, []byte("new")), tx.Write("c", 0, []byte("new")))
			if name != "edited" {
				no(t, meddle(dir))
			}
			before := content(t, dir)
			err := tx.Commit(t.Context())
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || !strings.Contains(fault.Cause, "changed meanwhile") || fault.Hint == "" {
				t.Errorf("%v", err)
			}
			if got := content(t, dir); got != before {
				t.Errorf("it is\n%s", got)
			}
		})
	}
}

// A file that is changed when others are replaced already is nobody's to lose:
// the next start says so, and what was to become of it is kept.
func TestChangedTooLate(t *testing.T) {
	dir := filepath.Join(repo(t, "x", "1"), "odd [name") // no pattern of files
	no(t, os.Mkdir(dir, 0o755))
	git(t, dir, "init", "--quiet")
	put(t, dir, "a", "1", "b", "2")
	tx := begin(t, dir)
	no(t, tx.Write("a", 0, []byte("new")), tx.Write("b", 0, []byte("new")))
	no(t, os.WriteFile(filepath.Join(tx.dir, journalName), marshal(t, plan{dir, tx.ops}), 0o600))
	no(t, os.WriteFile(filepath.Join(dir, "b"), []byte("mine"), 0o644), tx.lock.Close())
	for range 2 {
		_, err := Recover(dir)
		if err == nil || errors.Is(err, errChanged) || !strings.Contains(err.Error(), tx.dir) {
			t.Errorf("%v", err)
		}
	}
	if got := content(t, dir); !strings.Contains(got, " new") || !strings.Contains(got, " mine") {
		t.Errorf("it is\n%s", got)
	}
}

func TestRootLeavesNothingBehind(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("root is needed: run the tests with sudo")
	}
	dir := repo(t, "a", "1")
	no(t, os.Chown(filepath.Join(dir, ".git"), 1234, 1234))
	tx := begin(t, dir)
	no(t, tx.Write("a", 0, []byte("x")), tx.Commit(t.Context()), WritePrivate(Private(dir, "notes"), []byte("x")))
	no(t, filepath.WalkDir(filepath.Join(dir, ".git/auto-installer"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Sys().(*syscall.Stat_t).Uid != 1234 {
			t.Errorf("%s is not the owner's of the repo", path)
		}
		return err
	}))
}

func TestPathsThatAreRefused(t *testing.T) {
	dir := repo(t, "a", "1", "folder/b", "2")
	no(t, os.Symlink("/etc/hostname", filepath.Join(dir, "link")), os.Symlink("/tmp", filepath.Join(dir, "out")))
	tx := begin(t, dir)
	for _, name := range []string{"", ".", "..", "../x", "/etc/x", ".git", ".git/config", "a/b", "folder", "link", "out/x"} {
		if err := tx.Write(name, 0, []byte("x")); err == nil {
			t.Errorf("%q was written", name)
		}
		if _, err := tx.Read(name); err == nil {
			t.Errorf("%q was read", name)
		}
	}
	no(t, tx.Write("a", 0, []byte("x")), tx.Write("folder/b", 0, []byte("x")), os.Symlink("folder", filepath.Join(dir, "same")))
	for _, name := range []string{"a", "same/b"} {
		if err := tx.Write(name, 0, []byte("y")); err == nil || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s was written twice: %v", name, err)
		}
	}
	if err := tx.Remove("nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestOneAtATime(t *testing.T) {
	dir := repo(t, "a", "1")
	first := begin(t, dir)
	done := make(chan error)
	go func() {
		second, err := Begin(dir)
		if err == nil {
			err = second.Rollback()
		}
		done <- err
	}()
	no(t, first.Write("a", 0, []byte("2")), first.Commit(t.Context()), <-done)
	if err := first.Commit(t.Context()); err == nil {
		t.Error("committed twice")
	}
}

// A journal of a program that was killed is carried out, unless a person has
// changed a file since.
func TestRecover(t *testing.T) {
	prepare := func(t *testing.T) (dir, journal string) {
		dir = repo(t, "a", "1", "b", "2", "c", "3")
		tx := begin(t, dir)
		no(t, tx.Write("a", 0, []byte("new a")), tx.Write("b", 0, []byte("new b")), tx.Remove("c"))
		no(t, os.WriteFile(filepath.Join(tx.dir, journalName), marshal(t, plan{tx.root, tx.ops}), 0o600), tx.lock.Close())
		tx.lock = nil
		// It had come as far as a.
		no(t, os.Rename(filepath.Join(tx.dir, "0"), filepath.Join(dir, "a")))
		return dir, filepath.Join(tx.dir, journalName)
	}
	dir, _ := prepare(t)
	if n, err := Recover(dir); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got, want := content(t, dir), "a -rw-r--r-- new a\nb -rw-r--r-- new b\n"; got != want {
		t.Errorf("it is\n%s", got)
	}

	dir, _ = prepare(t)
	put(t, dir, "b", "mine")
	_, err := Begin(dir)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || !strings.Contains(fault.Cause, "b was changed") || !strings.Contains(fault.Hint, "tree-") {
		t.Errorf("%v", err)
	}
	put(t, dir, "b", "2")
	if n, err := Recover(dir); n != 1 || err != nil {
		t.Fatal(n, err)
	}

	dir, journal := prepare(t)
	no(t, os.WriteFile(journal, []byte(`{"root":"`+dir+`","ops":[{"path":"../x","after":"1","staged":"1"}]}`), 0o600))
	if _, err := Recover(dir); err == nil {
		t.Error("a journal that leads out of the tree was followed")
	}
}
