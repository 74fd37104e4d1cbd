package worktree

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

	"auto-installer/internal/sys"
)

// repo is a git work tree with files: name, content, …
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

// content is a line for each file of a tree, without git's: name, mode, content.
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
	t.Cleanup(func() { _ = tx.Close() })
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
			dir := repo(t, "a", "1", "sub/b", "2")
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
			no(t, tx.Write("a", []byte("new a")), tx.Write("./sub/b", []byte("new b")),
				tx.Write("x/y/z", []byte("new z")))
			if got := content(t, dir); got != before {
				t.Errorf("before the commit it is\n%s", got)
			}
			no(t, tx.Commit(t.Context()))
			want := "a -rwxr-x--- new a\nsub/b -rw-r--r-- new b\nx/y/z -rw-r--r-- new z\n"
			if got := content(t, dir); got != want {
				t.Errorf("it is\n%snot\n%s", got, want)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*/auto-installer*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestClose(t *testing.T) {
	dir := repo(t, "a", "1")
	before := content(t, dir)
	tx := begin(t, dir)
	no(t, tx.Write("a", []byte("2")), tx.Write("new/b", []byte("2")), tx.Close(), tx.Close())
	if got := content(t, dir); got != before {
		t.Errorf("it is\n%s", got)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	tx = begin(t, dir)
	no(t, tx.Write("a", []byte("2")))
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
			no(t, tx.Write("a", []byte("new")))
			if name == "edited" {
				no(t, meddle(dir)) // between reading and writing
			}
			no(t, tx.Write("b", []byte("new")), tx.Write("c", []byte("new")))
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

// A file that root makes in another user's repo is that user's, and a file that it
// replaces keeps its owner.
func TestRootLeavesNothingBehind(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("root is needed: just unit runs these tests as root")
	}
	dir := repo(t, "a", "1", "sub/b", "2")
	no(t, os.Chown(dir, 1234, 1234), os.Chown(filepath.Join(dir, "sub"), 1235, 1235), os.Chown(filepath.Join(dir, "sub/b"), 1236, 1236))
	tx := begin(t, dir)
	no(t, tx.Write("new", []byte("x")), tx.Write("sub/b", []byte("x")), tx.Write("sub/deep/c", []byte("x")))
	no(t, tx.Commit(t.Context()))
	for name, want := range map[string]uint32{"new": 1234, "sub/b": 1236, "sub/deep": 1235, "sub/deep/c": 1235} {
		info, err := os.Lstat(filepath.Join(dir, name))
		no(t, err)
		if got := info.Sys().(*syscall.Stat_t).Uid; got != want {
			t.Errorf("%s belongs to %d, not %d", name, got, want)
		}
	}
}

func TestPathsThatAreRefused(t *testing.T) {
	dir := repo(t, "a", "1", "folder/b", "2")
	no(t, os.Symlink("/etc/hostname", filepath.Join(dir, "link")), os.Symlink("/tmp", filepath.Join(dir, "out")))
	tx := begin(t, dir)
	for _, name := range []string{"", ".", "..", "../x", "/etc/x", ".git", ".git/config", "folder/.GIT/hooks/x", "a/b", "folder", "link", "out/x"} {
		if err := tx.Write(name, []byte("x")); err == nil {
			t.Errorf("%q was written", name)
		}
		if _, err := tx.Read(name); err == nil {
			t.Errorf("%q was read", name)
		}
		if err := tx.Check(name); err == nil {
			t.Errorf("%q may be replaced", name)
		}
	}
	no(t, tx.Write("a", []byte("x")), tx.Write("folder/b", []byte("x")), os.Symlink("folder", filepath.Join(dir, "same")))
	for _, name := range []string{"a", "same/b"} {
		if err := tx.Write(name, []byte("y")); err == nil || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s was written twice: %v", name, err)
		}
	}
	if err := tx.Check("nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A tree has one lock. It makes no file, and reading does not need it.
func TestOneAtATime(t *testing.T) {
	dir, other := repo(t, "a", "1"), repo(t, "a", "1")
	lock, err := Lock(dir)
	no(t, err)
	elsewhere, err := Lock(other)
	no(t, err, elsewhere.Close())
	_, err = Lock(dir)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != sys.CodeBusy || !strings.Contains(fault.Cause, dir) {
		t.Errorf("%v", err)
	}
	no(t, lock.Close())
	lock, err = Lock(dir)
	no(t, err, lock.Close())
	if got := content(t, dir); got != "a -rw-r--r-- 1\n" {
		t.Errorf("it is\n%s", got)
	}
	link := filepath.Join(t.TempDir(), "link")
	no(t, os.Symlink(dir, link))
	if _, err := Lock(link); err == nil {
		t.Error("a link was followed")
	}
}

// Files of an earlier version, and planted ones, are ignored.
func TestPreparedJournal(t *testing.T) {
	outside := t.TempDir()
	dir := repo(t, "a", "1")
	journal := `{"root":"` + outside + `","ops":[{"path":"x.sh","after":"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9","staged":"0"}]}`
	put(t, dir, ".git/auto-installer/tree-x/journal.json", journal, ".git/auto-installer/tree-x/0", "0",
		".auto-installer/tree-x/journal.json", journal, ".auto-installer/tree-x/0", "0")
	no(t, os.Symlink(filepath.Join(outside, "made"), filepath.Join(dir, ".git/auto-installer/lock")))
	lock, err := Lock(dir)
	no(t, err)
	defer lock.Close()
	tx := begin(t, dir)
	no(t, tx.Write("a", []byte("2")), tx.Commit(t.Context()))
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside are %v, %v", left, err)
	}
}

// What a killed command left beside a file is removed, and nothing else.
func TestLeftovers(t *testing.T) {
	dir := repo(t, "a", "1", tempPrefix+"a", "old", "sub/b", "2", "sub/"+tempPrefix+"b", "old", "sub/"+tempPrefix+"c", "stays", tempPrefix+"x", "stays")
	tx := begin(t, dir)
	no(t, tx.Write("a", []byte("2")), tx.Write("sub/b", []byte("3")), tx.Commit(t.Context()))
	want := tempPrefix + "x -rw-r--r-- stays\na -rw-r--r-- 2\nsub/" + tempPrefix + "c -rw-r--r-- stays\nsub/b -rw-r--r-- 3\n"
	if got := content(t, dir); got != want {
		t.Errorf("it is\n%s", got)
	}
	outside := filepath.Join(t.TempDir(), "x")
	no(t, os.WriteFile(outside, []byte("mine"), 0o600), os.Symlink(outside, filepath.Join(dir, tempPrefix+"a")), os.Mkdir(filepath.Join(dir, "sub", tempPrefix+"b"), 0o755))
	for _, name := range []string{"a", "sub/b"} {
		tx := begin(t, dir)
		no(t, tx.Write(name, []byte("new")))
		if err := tx.Commit(t.Context()); err == nil {
			t.Errorf("%s was replaced through what is planted beside it", name)
		}
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != "mine" {
		t.Errorf("outside is %q, %v", data, err)
	}
}

// A failure after the first file was replaced says so, and how to continue.
func TestPartly(t *testing.T) {
	dir := repo(t, "a", "1", "b", "2", "c", "3")
	tx := begin(t, dir)
	no(t, tx.Write("a", []byte("new")), tx.Write("b", []byte("new")), tx.Write("c", []byte("new")))
	stopAt(t, func(n int) {
		if n == 3*2+2 { // made and filled, and one is replaced
			no(t, os.Remove(filepath.Join(dir, tx.files[1].temp)))
		}
	})
	err := tx.Commit(t.Context())
	fault, ok := errors.AsType[*sys.Fault](err)
	if !ok || !strings.HasPrefix(fault.Cause, "1 of 3 files are replaced") || !strings.Contains(fault.Hint, "same command again") {
		t.Errorf("%v", err)
	}
	if got := content(t, dir); got != "a -rw-r--r-- new\nb -rw-r--r-- 2\nc -rw-r--r-- 3\n" {
		t.Errorf("it is\n%s", got)
	}
}

// A failure before the first file is replaced changes nothing.
func TestNothingIsReplaced(t *testing.T) {
	dir := repo(t, "a", "1", "b", "2")
	tx := begin(t, dir)
	no(t, tx.Write("a", []byte("new")), tx.Write("b", []byte("new")))
	stopAt(t, func(n int) {
		if n == 3 { // b's is not made yet
			no(t, os.Remove(filepath.Join(dir, "b")), os.Mkdir(filepath.Join(dir, "b"), 0o755))
		}
	})
	if err := tx.Commit(t.Context()); err == nil || strings.Contains(err.Error(), "are replaced") {
		t.Errorf("%v", err)
	}
	if got := content(t, dir); got != "a -rw-r--r-- 1\n" {
		t.Errorf("it is\n%s", got)
	}
}

// stopAt calls f before each change, with its number.
func stopAt(t *testing.T, f func(n int)) {
	n := 0
	step = func() { n++; f(n) }
	t.Cleanup(func() { step = func() {} })
}
