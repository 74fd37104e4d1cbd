package engine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"auto-installer/internal/sys"
)

func taskPaths(t *testing.T) Paths {
	dir := t.TempDir()
	return Paths{Dir: dir, Events: filepath.Join(dir, "events.jsonl"), Log: filepath.Join(dir, "log")}
}

// marking returns a step that makes a file, which its undo command removes.
func marking(file string, keep bool, err error) Step {
	return NewStep("mark", "make "+file, Check, Do("", func(ctx context.Context, s sys.System) error {
		s.Log("making " + file)
		if e := s.Do(ctx, sys.Cmd{Argv: []string{"touch", file}}, sys.Cmd{Argv: []string{"rm", file}}); e != nil {
			return e
		}
		if keep {
			return s.Keep()
		}
		return err
	}))
}

func TestTaskKeeps(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mark")
	var shown bytes.Buffer
	text := &Text{W: &shown, Task: true}
	if err := RunTask(t.Context(), NewTask("marking", marking(file, true, nil)), taskPaths(t), text.Event); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if want := "marking\nmaking " + file + "\n"; shown.String() != want {
		t.Errorf("shown was %q, not %q", shown.String(), want)
	}
}

// showEvents returns whether all was shown in time.
func TestShownInTime(t *testing.T) {
	p := newPaths(t)
	e := open(t, p)
	_ = e.Close(nil)
	synctest.Test(t, func(t *testing.T) {
		if all := showEvents(p.Events, func(Event) {})(); !all {
			t.Error("not all was shown")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		stalled := make(chan struct{})
		defer close(stalled)
		if all := showEvents(p.Events, func(Event) { <-stalled })(); all {
			t.Error("all was shown")
		}
	})
}

// Shared tasks of a name run at once, in few folders; other tasks are refused.
func TestTasksAtOnce(t *testing.T) {
	paths := taskPaths(t)
	running := open(t, paths)
	alone := NewTask("alone")
	err := RunTask(t.Context(), alone, paths, func(Event) {})
	if e, ok := errors.AsType[*sys.Fault](err); !ok || e.Code != sys.CodeBusy {
		t.Errorf("the error is %v", err)
	}
	shared := func() *Task {
		p := NewTask("shared", NewStep("log", "log", Check, Do("", func(_ context.Context, s sys.System) error { s.Log("done"); return nil })))
		p.Shared = true
		return p
	}
	for range 3 {
		if err := RunTask(t.Context(), shared(), paths, func(Event) {}); err != nil {
			t.Fatal(err)
		}
	}
	if log, err := os.ReadFile(paths.Dir + "-2/log"); err != nil || !strings.Contains(string(log), "done") {
		t.Errorf("the log is %q, %v", log, err)
	}
	if _, err := os.Stat(paths.Dir + "-3"); err == nil {
		t.Error("a third folder was made")
	}
	_ = running.Close(nil)
	if err := RunTask(t.Context(), shared(), paths, func(Event) {}); err != nil {
		t.Fatal(err)
	}
	if log, err := os.ReadFile(paths.Log); err != nil || !strings.Contains(string(log), "done") {
		t.Errorf("the log is %q, %v", log, err)
	}
}

func TestTaskUndoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mark")
	paths := taskPaths(t)
	err := RunTask(t.Context(), NewTask("marking", marking(file, false, sys.Faultf(sys.CodeDisk, "do that", "broken"))), paths, func(Event) {})
	e, ok := errors.AsType[*sys.Fault](err)
	if !ok || e.Cause != "broken" || e.Hint != "do that" || e.Code != sys.CodeDisk {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the mark stays: %v", err)
	}
	if log, err := os.ReadFile(paths.Log); err != nil || !strings.Contains(string(log), "failed: broken") {
		t.Errorf("the log is %q, %v", log, err)
	}
}

// Progress on a terminal is one line that is redrawn, and erased at the end.
func TestTaskProgress(t *testing.T) {
	var shown bytes.Buffer
	text := &Text{W: &shown, Task: true, Live: true}
	start := time.Now()
	for _, e := range []Event{
		{Kind: KindPlan, Plan: &NewTask("flashing").Plan},
		{Kind: KindStarted, Time: start},
		{Kind: KindProgress, Time: start.Add(2 * time.Second), Progress: &sys.Progress{Done: 10 << 20, Total: 40 << 20, Unit: "bytes", Label: "writing"}},
		{Kind: KindProgress, Time: start.Add(3 * time.Second), Progress: &sys.Progress{Done: 2, Total: 3, Unit: "files"}},
		{Kind: KindLog, Line: "written"},
		{Kind: KindFinished},
		{Kind: KindEnded},
	} {
		text.Event(e)
	}
	want := "flashing\n" +
		"\r\x1b[K  10 MiB of 40 MiB, 5 MiB/s, 6s left  writing" +
		"\r\x1b[K  2 of 3 files  " +
		"\r\x1b[Kwritten\n"
	if shown.String() != want {
		t.Errorf("shown was\n%q, not\n%q", shown.String(), want)
	}
}
