package sys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a Reporter that records everything.
type recorder struct {
	mu       sync.Mutex
	commands []string
	lines    []string
	warnings []string
	progress []Progress
}

func (r *recorder) Command(c Cmd)    { r.keep(&r.commands, c.String()) }
func (r *recorder) Log(line string)  { r.keep(&r.lines, line) }
func (r *recorder) Warn(line string) { r.keep(&r.warnings, line) }

func (r *recorder) Proven(line string)  { r.keep(&r.warnings, line) }
func (r *recorder) Progress(p Progress) { r.progress = append(r.progress, p) }

func (r *recorder) Waiting(w Waiting) { r.keep(&r.lines, "waiting for "+w.For) }

func (r *recorder) keep(to *[]string, s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*to = append(*to, s)
}

func newMachine(t *testing.T) (*Machine, *recorder) {
	t.Helper()
	undos, err := OpenUndoStack(filepath.Join(t.TempDir(), "undo.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	// A busy machine may be slow to read what a command has printed.
	return &Machine{Reporter: r, Undos: undos, Grace: time.Minute}, r
}

func sh(script string, args ...string) Cmd {
	return Cmd{Does: "test", Argv: append([]string{"sh", "-c", script, "sh"}, args...)}
}

func TestRunLogsLines(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         []string
	}{
		{"newlines", `printf 'one\ntwo\n'`, []string{"one", "two"}},
		{"carriage returns", `printf '1%%\r2%%\r\ndone'`, []string{"1%", "2%", "done"}},
		{"no end", `printf 'no end'`, []string{"no end"}},
		{"standard error", `echo oops >&2`, []string{"oops"}},
		{"unsafe", `printf '\033[31mred\033[0m\007\t\377\n'`, []string{"red \ufffd"}},
		{"silent", `true`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, r := newMachine(t)
			if err := m.Run(t.Context(), sh(c.script)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.lines, c.want) {
				t.Errorf("logged %q, want %q", r.lines, c.want)
			}
			if len(r.commands) != 1 {
				t.Errorf("%d commands were reported", len(r.commands))
			}
		})
	}
}

func TestLongLineIsBroken(t *testing.T) {
	m, r := newMachine(t)
	const n = 3 * maxLine
	if err := m.Run(t.Context(), sh(`head -c "$1" /dev/zero | tr '\0' x`, strconv.Itoa(n))); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, l := range r.lines {
		if total += len(l); len(l) > 2*maxLine {
			t.Errorf("a line of %d bytes", len(l))
		}
	}
	if total != n || len(r.lines) < 2 {
		t.Errorf("%d bytes in %d lines, want %d in several", total, len(r.lines), n)
	}
}

func TestLinesOfBothStreamsAreWhole(t *testing.T) {
	m, r := newMachine(t)
	const n = 2000
	err := m.Run(t.Context(), sh(`i=0; while [ $i -lt $1 ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); done`, strconv.Itoa(n)))
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"out ", "err "} {
		at := 0
		for _, l := range r.lines {
			if rest, ok := strings.CutPrefix(l, stream); ok {
				if rest != strconv.Itoa(at) {
					t.Fatalf("%q came when %d was next", l, at)
				}
				at++
			}
		}
		if at != n {
			t.Errorf("%d lines of %q, want %d", at, stream, n)
		}
	}
}

func TestQuietIsNotReported(t *testing.T) {
	m, r := newMachine(t)
	c := sh("true")
	c.Quiet = true
	if err := m.Run(t.Context(), c); err != nil || len(r.commands) != 0 {
		t.Errorf("err %v, reported %q", err, r.commands)
	}
}

// Standard error of a mute command is only in its error.
func TestMute(t *testing.T) {
	m, r := newMachine(t)
	c := sh("echo no such thing >&2; exit 1")
	c.Mute = true
	_, err := m.Output(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "no such thing") || len(r.lines) != 0 {
		t.Errorf("err %v, logged %q", err, r.lines)
	}
}

func TestStdinAndEnvReachTheCommand(t *testing.T) {
	m, _ := newMachine(t)
	in := []byte("no\x00newline at its end\xff")
	c := sh(`cat; printf %s "$EXTRA"`)
	c.Stdin, c.Env = in, []string{"EXTRA=more"}
	out, err := m.Output(t.Context(), c)
	if err != nil || string(out) != string(in)+"more" {
		t.Errorf("got %q, %v", out, err)
	}
	// Without input, standard input ends at once; it is not the terminal.
	if out, err := m.Output(t.Context(), Cmd{Argv: []string{"cat"}}); err != nil || len(out) != 0 {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestOutputIsLimited(t *testing.T) {
	m, r := newMachine(t)
	out, err := m.Output(t.Context(), sh(`head -c "$1" /dev/zero; echo note >&2`, strconv.Itoa(MaxOutput)))
	if err != nil || len(out) != MaxOutput {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if !slices.Equal(r.lines, []string{"note"}) {
		t.Errorf("logged %q", r.lines)
	}
	_, err = m.Output(t.Context(), sh(`head -c "$1" /dev/zero`, strconv.Itoa(MaxOutput+1)))
	if err == nil || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("one byte too many: %v", err)
	}
}

func TestLinesGetStandardErrorRaw(t *testing.T) {
	m, r := newMachine(t)
	var got []string
	if err := m.Lines(t.Context(), sh(`printf '\033[1mraw\n' >&2; echo out`), func(l string) { got = append(got, l) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"\x1b[1mraw"}) || !slices.Equal(r.lines, []string{"out"}) {
		t.Errorf("each got %q, log got %q", got, r.lines)
	}
}

func TestExitError(t *testing.T) {
	m, _ := newMachine(t)
	err := m.Run(t.Context(), sh(`i=0; while [ $i -lt 30 ]; do echo "line $i"; i=$((i+1)); done; exit 3`))
	e, ok := errors.AsType[*ExitError](err)
	if !ok || e.Exit != 3 || e.Signal != "" {
		t.Fatalf("%#v", err)
	}
	if len(e.Tail) != tailLines || e.Tail[0] != "line 10" || e.Tail[tailLines-1] != "line 29" {
		t.Errorf("tail %q", e.Tail)
	}
	if want := "sh failed (exit code 3): line 29"; e.Error() != want {
		t.Errorf("%q, want %q", e.Error(), want)
	}

	err = m.Run(t.Context(), sh(`echo 'Error: it broke'; echo 'see the manual'; echo '  '; kill -KILL $$`))
	e, ok = errors.AsType[*ExitError](err)
	if !ok || e.Signal != "killed" || e.Exit != -1 {
		t.Fatalf("%#v", err)
	}
	if want := "sh failed (killed): Error: it broke"; e.Error() != want {
		t.Errorf("%q, want %q", e.Error(), want)
	}
}

// The output of commands that print more than why they failed.
func TestExitErrorSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name string
		tail []string
		want string
	}{
		{"nothing", nil, ""},
		{"blank lines", []string{"why", " ", ""}, "why"},
		{"nix: the innermost error stands last", []string{"error:", "… while calling", "error: attribute 'x' missing", "at /nix/store/f.nix:3"}, "error: attribute 'x' missing"},
		{"git rev-parse", []string{"fatal: ambiguous argument 'HEAD': unknown revision", "Use '--' to separate paths", "'git <command> [<revision>...]'"}, "fatal: ambiguous argument 'HEAD': unknown revision"},
		{"git by ssh", []string{"git@host: Permission denied (publickey).", "fatal: Could not read from remote repository.", "", "Please make sure you have the correct access rights", "and the repository exists."}, "git@host: Permission denied (publickey)."},
		{"git by ssh, and a server that says more", []string{"remote:", "remote: ERROR: The project could not be found", "remote:", "fatal: Could not read from remote repository.", "and the repository exists."}, "remote: ERROR: The project could not be found"},
		{"git by ssh, after a blank line", []string{"Host key verification failed.", "", "fatal: Could not read from remote repository."}, "Host key verification failed."},
		{"git by ssh that says nothing", []string{"fatal: Could not read from remote repository.", "", "and the repository exists."}, "fatal: Could not read from remote repository."},
	} {
		if got := why(c.tail); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCommandThatIsMissing(t *testing.T) {
	m, _ := newMachine(t)
	err := m.Run(t.Context(), Cmd{Argv: []string{"no-such-command-anywhere"}})
	if err == nil || !strings.HasPrefix(err.Error(), "starting no-such-command-anywhere: ") {
		t.Errorf("%v", err)
	}
	if _, ok := errors.AsType[*ExitError](err); ok {
		t.Error("it did not run, so it cannot have exited")
	}
}

// A daemon that a command leaves behind keeps its output open. The command has
// succeeded.
func TestSilentCommandIsEnded(t *testing.T) {
	m, _ := newMachine(t)
	c := Cmd{Argv: []string{"sh", "-c", "echo on; sleep 60"}, Silence: time.Second}
	err := m.Run(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "ended sh: it printed nothing for 1s") {
		t.Errorf("%v", err)
	}
}

func TestSilenceIsCountedFromTheLastLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, heard, deaf := listen(t.Context(), Cmd{Argv: []string{"git"}, Silence: time.Minute})
		defer deaf()
		for range 3 {
			time.Sleep(59 * time.Second)
			if heard(); ctx.Err() != nil {
				t.Fatal("it was not silent")
			}
		}
		if time.Sleep(61 * time.Second); ctx.Err() == nil {
			t.Error("it was silent")
		}
	})
}

func TestDaemonLeftBehind(t *testing.T) {
	m, r := newMachine(t)
	m.Grace = time.Second
	if err := m.Run(t.Context(), sh(`sleep 30 & echo $!`)); err != nil {
		t.Fatal(err)
	}
	if len(r.lines) != 2 || !strings.Contains(r.lines[1], "still has its output open") {
		t.Fatalf("logged %q", r.lines)
	}
	pid, err := strconv.Atoi(r.lines[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the daemon did not stay: %v", err)
	}
	// Output that may be incomplete is an error.
	out, err := m.Output(t.Context(), sh(`sleep 10 & echo all`))
	if err == nil || out != nil || !strings.Contains(err.Error(), "still has its output open") {
		t.Errorf("%q, %v", out, err)
	}
}

// gone waits until a process group has only zombies left.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
}

func TestCancelEndsTheWholeGroup(t *testing.T) {
	why := errors.New("the operator's reason")
	for _, c := range []struct{ name, script string }{
		{"child in the foreground", `echo $$ >"$1.new"; mv "$1.new" "$1"; sleep 600; true`},
		{"child in the background", `sleep 600 & echo $! >"$1.new"; mv "$1.new" "$1"; wait`},
		{"child with its own output", `sleep 600 >/dev/null 2>&1 & echo $! >"$1.new"; mv "$1.new" "$1"; wait`},
		{"deaf to SIGTERM", `trap '' TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; while :; do sleep 1; done`},
		{"child deaf to SIGTERM", `sh -c 'trap "" TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; while :; do sleep 1; done' sh "$1" & wait`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _ := newMachine(t)
			m.Grace = 300 * time.Millisecond
			file := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithCancelCause(t.Context())
			done := make(chan error, 1)
			go func() { done <- m.Run(ctx, sh(c.script, file)) }()
			var pid int
			for deadline := time.Now().Add(time.Minute); pid == 0; time.Sleep(5 * time.Millisecond) {
				if data, err := os.ReadFile(file); err == nil {
					pid, _ = strconv.Atoi(strings.TrimSpace(string(data)))
				}
				if time.Now().After(deadline) {
					t.Fatal("the command did not begin")
				}
			}
			cancel(why)
			select {
			case err := <-done:
				if !errors.Is(err, why) {
					t.Errorf("error %v, want the context's cause", err)
				}
			case <-time.After(time.Minute): // without a signal they end after ten minutes
				t.Fatal("it does not end")
			}
			gone(t, pid)
		})
	}
}

func TestCancelledBeforeTheStart(t *testing.T) {
	m, _ := newMachine(t)
	why := errors.New("no")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	marker := filepath.Join(t.TempDir(), "ran")
	if err := m.Do(ctx, Cmd{Argv: []string{"touch", marker}}, sh("exit 1")); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("it ran")
	}
	if m.Undos.Len() != 0 {
		t.Error("there is nothing to undo")
	}
}

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
	if err := m.Do(ctx, sh("echo begun; sleep 60"), sh("true")); !errors.Is(err, context.Canceled) {
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
		for _, c := range u.newestFirst() {
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

// The output of a command is logged without colours. A step's own lines go to the
// reporter unchanged, and Visible shows them.
func TestPrintedLinesAreClean(t *testing.T) {
	m, r := newMachine(t)
	if err := m.Run(t.Context(), Cmd{Argv: []string{"printf", `a\033[31mb\342\200\256\n`}}); err != nil {
		t.Fatal(err)
	}
	m.Log("c\x1b[2Jd")
	if r.lines[0] != "ab" || r.lines[1] != "c\x1b[2Jd" {
		t.Errorf("%q", r.lines)
	}
}
