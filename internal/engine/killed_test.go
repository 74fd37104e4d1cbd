package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

// The next engine undoes what a killed one left mounted, before it reads anything.
func TestUndoOfAKilledEngine(t *testing.T) {
	p := newPaths(t)
	marker := filepath.Join(t.TempDir(), "undone")
	killed := open(t, p)
	if err := killed.machine.Do(t.Context(), sh("true"), sh(`echo x >>"$1"`, marker)); err != nil {
		t.Fatal(err)
	}
	if err := killed.lock.Close(); err != nil { // as the kernel does
		t.Fatal(err)
	}
	next := open(t, p)
	if got, err := os.ReadFile(marker); err != nil || string(got) != "x\n" {
		t.Errorf("%q, %v", got, err)
	}
	if err := errors.Join(next.Close(nil), killed.close()); err != nil {
		t.Error(err)
	}
}

// An undo command that fails is a warning.
func TestUndoThatFails(t *testing.T) {
	p := newPaths(t)
	e := open(t, p)
	err := e.Run(t.Context(), testPlan(t, doing("bad", true, func(ctx context.Context, s sys.System) error {
		return errors.Join(s.Do(ctx, sh("true"), sh("echo busy >&2; exit 32")), errors.New("odd"))
	})))
	_ = e.Close(err)
	if !slices.ContainsFunc(events(t, p), func(e Event) bool {
		return e.Kind == KindWarning && strings.Contains(e.Line, "still mounted or open") && strings.Contains(e.Line, "busy")
	}) {
		t.Errorf("no warning in %q", kinds(events(t, p)))
	}
}

// TestLesson08StartedAgain: the next start undoes what a killed install left in the
// way, and then succeeds.
func TestLesson08StartedAgain(t *testing.T) {
	p := newPaths(t)
	inTheWay := filepath.Join(t.TempDir(), "mounted")
	plan := testPlan(t, doing("mount", true, func(ctx context.Context, s sys.System) error {
		return s.Do(ctx, sh(`mkdir "$1"`, inTheWay), sh(`rmdir "$1"`, inTheWay)) // fails if the folder exists
	}), doing("finish", true, func(ctx context.Context, s sys.System) error { return s.Unwind(ctx) }))
	killed := open(t, p)
	if err := plan.Steps[0].Run(t.Context(), killed.machine); err != nil {
		t.Fatal(err)
	}
	if err := killed.lock.Close(); err != nil { // as the kernel does
		t.Fatal(err)
	}
	if _, err := os.Stat(inTheWay); err != nil {
		t.Fatal("nothing is in the way")
	}
	again := open(t, p)
	if err := again.Close(again.Run(t.Context(), plan)); err != nil {
		t.Errorf("the second start: %v", err)
	}
	if _, err := os.Stat(inTheWay); err == nil {
		t.Error("something is left behind")
	}
	if err := killed.close(); err != nil {
		t.Error(err)
	}
}
