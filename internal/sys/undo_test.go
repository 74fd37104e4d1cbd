package sys

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestUndoIsLastInFirstOut(t *testing.T) {
	m, _ := newMachine(t)
	file := filepath.Join(t.TempDir(), "order")
	say := func(word string) Cmd { return sh(`echo "$1" >>"$2"`, word, file) }
	for _, n := range []string{"1", "2", "3"} {
		if err := m.Do(t.Context(), say("do "+n), say("undo "+n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Do(t.Context(), sh("exit 7"), say("never")); err == nil {
		t.Error("a command that fails is not reported")
	}
	if m.Undos.Len() != 3 {
		t.Errorf("%d commands to undo, want 3", m.Undos.Len())
	}
	if err := m.Unwind(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := "do 1\ndo 2\ndo 3\nundo 3\nundo 2\nundo 1\n"; string(got) != want {
		t.Errorf("order:\n%swant:\n%s", got, want)
	}
	if m.Undos.Len() != 0 {
		t.Error("the list is not empty")
	}
}

func TestDoDropsTheUndoOfWhatNeverStarted(t *testing.T) {
	m, _ := newMachine(t)
	if err := m.Do(t.Context(), Cmd{Argv: []string{"no-such-command-anywhere"}}, sh("true")); err == nil {
		t.Error("no error")
	}
	if m.Undos.Len() != 0 {
		t.Error("its undo stays")
	}
}

// heard is a Reporter that is called when a command has printed a line, and so has
// started.
type heard func()

func (heard) Command(Cmd)       {}
func (h heard) Log(string)      { h() }
func (heard) Warn(string)       {}
func (heard) Proven(string)     {}
func (heard) Progress(Progress) {}
func (heard) Waiting(Waiting)   {}

// A command that was stopped may be half done, so its undo command runs.
func TestDoKeepsTheUndoOfWhatWasStopped(t *testing.T) {
	m, _ := newMachine(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.Reporter = heard(cancel)
	if err := m.Do(ctx, sh("echo started; sleep 60"), sh("true")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if m.Undos.Len() != 1 {
		t.Errorf("%d undo commands, want 1", m.Undos.Len())
	}
}

// An undo command that has done its work counts as done, whatever its exit code.
func TestUnwindLooksWhatBecameOfIt(t *testing.T) {
	m, _ := newMachine(t)
	file := filepath.Join(t.TempDir(), "there")
	undo := sh(`rm "$1"; exit 9`, file)
	undo.While = Exists(file)
	if err := m.Do(t.Context(), sh(`touch "$1"`, file), undo); err != nil {
		t.Fatal(err)
	}
	if err := m.Unwind(t.Context()); err != nil || m.Undos.Len() != 0 {
		t.Errorf("%v, %d left", err, m.Undos.Len())
	}
}

// An umount undoes one mount of two.
func TestUnwindGoesOnUntilItIsUndone(t *testing.T) {
	m, _ := newMachine(t)
	file := filepath.Join(t.TempDir(), "mounts")
	undo := sh(`[ -e "$1.1" ] || { touch "$1.1"; exit; }; rm "$1"`, file)
	undo.While = Exists(file)
	if err := m.Do(t.Context(), sh(`touch "$1"`, file), undo); err != nil {
		t.Fatal(err)
	}
	if err := m.Unwind(t.Context()); err != nil || undo.While.Holds() || m.Undos.Len() != 0 {
		t.Errorf("%v, %d left", err, m.Undos.Len())
	}
}

// After a failed undo command the others run, and the failed one is retried first:
// here it succeeds at the third try.
func TestUnwindGoesOnAfterAFailure(t *testing.T) {
	m, _ := newMachine(t)
	dir := t.TempDir()
	for _, undo := range []Cmd{
		sh(`touch "$1/first"`, dir),
		sh(`echo x >>"$1/tries"; [ $(wc -l <"$1/tries") -ge 3 ]`, dir),
	} {
		if err := m.Do(t.Context(), sh("true"), undo); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Unwind(t.Context()); err != nil {
		t.Error(err)
	}
	if err := m.Do(t.Context(), sh("true"), sh(`touch "$1/last"`, dir)); err != nil {
		t.Fatal(err)
	}
	if err := m.Do(t.Context(), sh("true"), sh("exit 9")); err != nil {
		t.Fatal(err)
	}
	err := m.Unwind(t.Context())
	if e, ok := errors.AsType[*ExitError](err); !ok || e.Exit != 9 {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"first", "last"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// The next program finds the list that a killed one left.
func TestUndoOutlivesTheProgram(t *testing.T) {
	m, r := newMachine(t)
	dir := t.TempDir()
	do := Cmd{Argv: []string{"cat"}, Stdin: []byte("hunter2"), Secret: "passphrase"}
	for _, n := range []string{"a", "b"} {
		undo := sh(`echo "$1" >>"$2/order"`, n, dir)
		undo.Stdin, undo.Secret, undo.Env = []byte("hunter3"), "passphrase", []string{"PASS=hunter4"}
		if err := m.Do(t.Context(), do, undo); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(m.Undos.file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "hunter") || strings.Contains(string(data), "aHVudGVy") {
		t.Errorf("the list holds input: %s", data)
	}
	if fi, err := os.Stat(m.Undos.file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}

	reopened, err := OpenUndoStack(m.Undos.file)
	if err != nil || reopened.Len() != 2 {
		t.Fatalf("%d commands, %v", reopened.Len(), err)
	}
	next := &Machine{Reporter: r, Undos: reopened}
	if err := next.Unwind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "order")); string(got) != "b\na\n" {
		t.Errorf("order %q", got)
	}
	if again, err := OpenUndoStack(m.Undos.file); err != nil || again.Len() != 0 {
		t.Errorf("%d commands left, %v", again.Len(), err)
	}
}

// A damaged list does not block every later start.
func TestDamagedUndoListIsPutAside(t *testing.T) {
	for _, text := range []string{"[{", "[{}]", `[{"Argv":[]}]`, `[{"Argv":["umount","/mnt"]},{"Argv":[""]}]`, `{"Argv":["x"]}`, ""} {
		file := filepath.Join(t.TempDir(), "undo.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		u, err := OpenUndoStack(file)
		if err != nil || u.Len() != 0 || u.Holds("umount") {
			t.Fatalf("%q: %d commands, %v", text, u.Len(), err)
		}
		if kept, err := os.ReadFile(file + ".damaged"); err != nil || string(kept) != text {
			t.Errorf("%q, %v", kept, err)
		}
	}
}

func FuzzUndos(f *testing.F) {
	f.Add([]byte(`[{"Does":"unmount","Argv":["umount","--recursive","/mnt"],"While":"mounted /mnt"}]`))
	f.Add([]byte(`[{}]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		cmds, err := parseUndos(data)
		if err != nil && cmds != nil {
			t.Fatalf("%v, and %v", cmds, err)
		}
		u := UndoStack{cmds: cmds}
		u.Holds("umount")
		for _, c := range slices.Clone(u.cmds) {
			c.While.Holds()
			if err := u.remove(c); err != nil {
				t.Fatal(err)
			}
		}
		if u.Len() != 0 {
			t.Errorf("%d commands stay", u.Len())
		}
	})
}

func TestWriteFileIsAtomic(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	long := []byte(strings.Repeat("b", 1<<20))
	if err := WriteFile(file, long, 0o640); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			got, err := os.ReadFile(file)
			if err != nil || len(got) != len(long) && string(got) != "short" {
				t.Errorf("a reader saw %d bytes, %v", len(got), err)
				return
			}
		}
	})
	for range 50 {
		if err := errors.Join(WriteFile(file, []byte("short"), 0o600), WriteFile(file, long, 0o640)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", fi, err)
	}
	// A file that cannot be replaced leaves no temporary file.
	if err := WriteFile(filepath.Join(dir, "gone", "f"), nil, 0o600); err == nil {
		t.Error("no error for a folder that is not there")
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "d"), nil, 0o600); err == nil {
		t.Error("no error for a folder in the file's place")
	}
	names, _ := os.ReadDir(dir)
	if len(names) != 2 {
		t.Errorf("left behind: %v", names)
	}
}
