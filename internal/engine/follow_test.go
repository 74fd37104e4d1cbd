package engine

import (
	"context"
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

func TestFollow(t *testing.T) {
	follow := func(p Paths) (chan []Event, chan error) {
		out, errs := make(chan []Event, 1), make(chan error, 1)
		go func() {
			var es []Event
			code, err := Follow(t.Context(), p.Events, func(e Event) { es = append(es, e) }, nil)
			if err == nil && code != sys.CodeSource {
				err = fmt.Errorf("exit code %d", code)
			}
			out <- es
			errs <- err
		}()
		return out, errs
	}
	p := newPaths(t)
	e := open(t, p)
	running, running2 := make(chan bool), make(chan bool)
	done := make(chan error, 1)
	plan := testPlan(t, doing("one", false, func(_ context.Context, s sys.System) error {
		s.Log("early")
		close(running)
		<-running2
		s.Log("late")
		return sys.Faultf(sys.CodeSource, "h", "no")
	}))
	go func() { done <- e.Run(t.Context(), plan) }()
	<-running
	out, errs := follow(p) // while it runs
	close(running2)
	if err := e.Close(<-done); err == nil {
		t.Error("no error")
	}
	want := []string{"plan", "started", "log", "log", "failed", "ended"}
	if got := kinds(<-out); !slices.Equal(got, want) {
		t.Errorf("followed %q", got)
	}
	if err := <-errs; err != nil {
		t.Error(err)
	}
	out, errs = follow(p) // after it has ended
	if got := kinds(<-out); !slices.Equal(got, want) {
		t.Errorf("followed %q", got)
	}
	if err := <-errs; err != nil {
		t.Error(err)
	}
}

// A follower of one install does not go on with the next.
func TestFollowOfAFileThatIsReplaced(t *testing.T) {
	p := newPaths(t)
	first := open(t, p)
	first.Log("first")
	seen := make(chan string, 10)
	code := make(chan sys.Code, 1)
	go func() {
		c, err := Follow(t.Context(), p.Events, func(e Event) { seen <- e.Line }, nil)
		if err != nil {
			t.Error(err)
		}
		code <- c
	}()
	if got := <-seen; got != "first" {
		t.Errorf("%q", got)
	}
	// The follower has the old file open now.
	moved := p
	moved.Dir += "2"
	second := open(t, moved)
	second.Log("second")
	first.Log("still the first")
	if err := errors.Join(first.Close(nil), second.Close(sys.Usage("", "other"))); err == nil {
		t.Error("no error")
	}
	if got := <-seen; got != "still the first" {
		t.Errorf("%q", got)
	}
	if c := <-code; c != 0 {
		t.Errorf("exit code %d", c)
	}
}

func TestFollowRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(content string) string {
		name := filepath.Join(dir, "events")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, c := range []struct {
		name, file, say string
		code            sys.Code
	}{
		{"nothing there", filepath.Join(dir, "gone"), "no install to follow", sys.CodeUsage},
		{"not events", file("hello\n"), "events", sys.CodeUnexpected},
	} {
		_, err := Follow(t.Context(), c.file, func(Event) { t.Error("an event") }, nil)
		if e := sys.AsFault(err); e.Code != c.code || !strings.Contains(e.Cause, c.say) || e.Hint == "" {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
	_, err := Follow(t.Context(), file(strings.Repeat("x", maxEvent+1)), func(Event) { t.Error("an event") }, nil)
	if err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("an endless line: %v", err)
	}
	// A signal that stops a follower sets its exit code.
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(sys.Stopped{Signal: syscall.SIGINT}) })
	_, err = Follow(ctx, file(`{"event":"log","line":"x"}`+"\n"+`{"event":"lo`), func(Event) {}, nil)
	if e := sys.AsFault(err); e.Code != sys.CodeInterrupt {
		t.Errorf("%+v", e)
	}
}
