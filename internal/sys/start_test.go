package sys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

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
