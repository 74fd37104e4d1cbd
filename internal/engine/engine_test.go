package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"auto-installer/internal/sys"
)

func newPaths(t *testing.T) Paths {
	dir := t.TempDir()
	return Paths{Dir: filepath.Join(dir, "run"), Events: filepath.Join(dir, "out", "events.jsonl"), Log: filepath.Join(dir, "out", "install.log")}
}

func open(t *testing.T, p Paths) *Engine {
	t.Helper()
	e, err := Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// testPlan returns a task of these steps.
func testPlan(_ *testing.T, steps ...Step) *Task { return NewTask("testing", steps...) }

func doing(name Name, writes bool, run func(context.Context, sys.System) error) Step {
	phase := Check
	if writes {
		phase = Write
	}
	return NewStep(name, string(name), phase, Do("", run))
}

func sh(script string, args ...string) sys.Cmd {
	return sys.Cmd{Does: "test", Argv: append([]string{"sh", "-c", script, "sh"}, args...)}
}

func events(t *testing.T, p Paths) []Event {
	t.Helper()
	f, err := os.Open(p.Events)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var es []Event
	s := bufio.NewScanner(f)
	s.Buffer(nil, maxEvent)
	for s.Scan() {
		var e Event
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatalf("%v in %q", err, s.Text())
		}
		es = append(es, e)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return es
}

func kinds(es []Event) (ks []string) {
	for _, e := range es {
		ks = append(ks, string(e.Kind))
	}
	return ks
}

func TestEngine(t *testing.T) {
	p := newPaths(t)
	e := open(t, p)
	plan := testPlan(t,
		doing("one", false, func(ctx context.Context, s sys.System) error {
			s.Warn("mind this")
			return s.Run(ctx, sh("echo hello"))
		}),
		doing("two", true, func(_ context.Context, s sys.System) error {
			s.Progress(sys.Progress{Done: 1, Total: 2, Unit: "paths"})
			return nil
		}))
	plan.Warnings = []string{"of the plan"}
	if err := e.Close(e.Run(t.Context(), plan)); err != nil {
		t.Fatal(err)
	}
	es := events(t, p)
	want := []string{"plan", "warning", "started", "warning", "command", "log", "finished", "started", "progress", "finished", "ended"}
	if got := kinds(es); !slices.Equal(got, want) {
		t.Errorf("events %q,\nwant %q", got, want)
	}
	last := es[len(es)-1]
	if last.Exit == nil || *last.Exit != 0 || last.Error != nil {
		t.Errorf("%+v", last)
	}
	log, err := os.ReadFile(p.Log)
	if err != nil {
		t.Fatal(err)
	}
	for _, say := range []string{"== started", "$ sh -c 'echo hello' sh", " hello\n", "warning: mind this", "== finished in", "== ended with exit code 0"} {
		if !strings.Contains(string(log), say) {
			t.Errorf("no %q in the log\n%s", say, log)
		}
	}
	for _, file := range []string{p.Events, p.Log} {
		if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, fi.Mode(), err)
		}
	}
	if names, _ := os.ReadDir(filepath.Dir(p.Log)); len(names) != 2 {
		t.Errorf("left behind: %v", names)
	}
}

func TestOneEngineAMachine(t *testing.T) {
	p := newPaths(t)
	first := open(t, p)
	before, err := os.Stat(p.Events)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), p)
	e := sys.AsFault(err)
	if e.Code != sys.CodeBusy || !strings.Contains(e.Hint, "follow") {
		t.Errorf("%+v", e)
	}
	if after, err := os.Stat(p.Events); err != nil || !os.SameFile(before, after) {
		t.Error("the second one took the first's events file")
	}
	if err := first.Close(nil); err != nil {
		t.Error(err)
	}
	if err := open(t, p).Close(nil); err != nil {
		t.Error(err)
	}
}

func TestFailure(t *testing.T) {
	interrupt := sys.Stopped{Signal: syscall.SIGINT}
	for _, c := range []struct {
		name   string
		writes bool
		err    error
		cancel error
		want   sys.Fault
	}{
		{"before the gate", false, errors.New("odd"), nil, sys.Fault{Step: "bad", Cause: "odd", Hint: "", Code: sys.CodeUnexpected}},
		{"after the gate", true, errors.New("odd"), nil, sys.Fault{Step: "bad", Cause: "odd", Hint: "", Code: sys.CodeWritten}},
		{"a fault before", false, sys.Faultf(sys.CodeSource, "plug it in", "no network"), nil, sys.Fault{Step: "bad", Cause: "no network", Hint: "plug it in", Code: sys.CodeSource}},
		{"a fault of its own after", true, fmt.Errorf("x: %w", sys.Faultf(sys.CodeBootProof, "h", "no kernel")), nil, sys.Fault{Step: "bad", Cause: "no kernel", Hint: "h", Code: sys.CodeBootProof}},
		{"unsafe words", false, sys.Faultf(sys.CodeSource, "h\x1b[2J", "a\x1b[31mb\nc"), nil, sys.Fault{Step: "bad", Cause: "a\x1b[31mb\nc", Hint: "h\x1b[2J", Code: sys.CodeSource}},
		{"Ctrl+C", true, nil, interrupt, sys.Fault{Step: "bad", Cause: "stopped by interrupt", Hint: "run the same command again when you are ready", Code: sys.CodeInterrupt}},
		{"Ctrl+C before the gate", false, nil, interrupt, sys.Fault{Step: "bad", Cause: "stopped by interrupt", Hint: "run the same command again when you are ready", Code: sys.CodeInterrupt}},
		{"SIGTERM", true, nil, sys.Stopped{Signal: syscall.SIGTERM}, sys.Fault{Step: "bad", Cause: "stopped by terminated", Hint: "run the same command again when you are ready", Code: sys.CodeTerminated}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPaths(t)
			undone := filepath.Join(t.TempDir(), "undone")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			e := open(t, p)
			err := e.Run(ctx, testPlan(t,
				doing("good", c.writes, func(ctx context.Context, s sys.System) error {
					return errors.Join(s.Do(ctx, sh("true"), sh(`echo 1 >>"$1"`, undone)), s.Do(ctx, sh("true"), sh(`echo 2 >>"$1"`, undone)))
				}),
				doing("bad", c.writes, func(ctx context.Context, s sys.System) error {
					if c.cancel == nil {
						return c.err
					}
					time.AfterFunc(50*time.Millisecond, func() { cancel(c.cancel) })
					return sys.Incomplete(s.Run(ctx, sh("sleep 60")), "sleeping")
				}),
				doing("never", c.writes, func(context.Context, sys.System) error { t.Error("it goes on"); return nil })))
			got, ok := errors.AsType[*sys.Fault](err)
			if ok {
				got.Err = nil // not what the operator sees
			}
			if !ok || *got != c.want {
				t.Fatalf("%+v, want %+v", err, c.want)
			}
			if data, _ := os.ReadFile(undone); string(data) != "2\n1\n" {
				t.Errorf("undone: %q", data)
			}
			closed, ok := errors.AsType[*sys.Fault](e.Close(err))
			if !ok || *closed != c.want {
				t.Errorf("%+v", closed)
			}
			es := events(t, p)
			last := es[len(es)-1]
			if last.Kind != KindEnded || *last.Exit != c.want.Code || *last.Error != c.want {
				t.Errorf("%+v", last)
			}
			i := slices.IndexFunc(es, func(e Event) bool { return e.Kind == KindFailed })
			if i < 0 || es[i].Step != "bad" || *es[i].Error != c.want {
				t.Errorf("events %q", kinds(es))
			}
		})
	}
}

// The engine runs commands from the folder, so no other user may write there.
func TestFolderOfAnother(t *testing.T) {
	for name, make := range map[string]func(dir string) error{
		"open to all":       func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)) },
		"another user's":    func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 65534, 65534)) },
		"a link":            func(dir string) error { return os.Symlink(t.TempDir(), dir) },
		"below one of them": func(dir string) error { return os.Chmod(filepath.Dir(dir), 0o777) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "task")
			if err := make(dir); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Paths{Dir: dir, Events: filepath.Join(dir, "events.jsonl"), Log: filepath.Join(dir, "log")})
			if e := sys.AsFault(err); err == nil || e.Code != sys.CodeMachine || !strings.Contains(e.Cause, "is not private to this user") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A stopped task that cannot undo its writes says so.
func TestStoppedAfterWriting(t *testing.T) {
	for _, c := range []struct {
		err  func(stop error) error
		want sys.Code
	}{
		{func(stop error) error {
			return sys.Faultf(sys.CodeWritten, "do it by hand", "%v; it is not back", stop)
		}, sys.CodeWritten},
		{func(stop error) error { return sys.Incomplete(stop, "writing") }, 130},
		{func(error) error { return errors.New("signal: killed") }, 130},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		plan := testPlan(t, doing("writing", true, func(ctx context.Context, _ sys.System) error {
			cancel(sys.Stopped{Signal: syscall.SIGINT})
			return c.err(context.Cause(ctx))
		}))
		e := open(t, newPaths(t))
		if err := e.Close(e.Run(ctx, plan)); sys.AsFault(err).Code != c.want {
			t.Errorf("%v, not of code %d", err, c.want)
		}
	}
}

// An error before the plan ends the events file too.
func TestFailureBeforeThePlan(t *testing.T) {
	p := newPaths(t)
	e := open(t, p)
	err := e.Close(sys.Usage("do", "no disk"))
	if got, ok := errors.AsType[*sys.Fault](err); !ok || got.Code != sys.CodeUsage {
		t.Errorf("%+v", err)
	}
	es := events(t, p)
	if len(es) != 1 || es[0].Kind != KindEnded || *es[0].Exit != sys.CodeUsage {
		t.Errorf("%+v", es)
	}
}
