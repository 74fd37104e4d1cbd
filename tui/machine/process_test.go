package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

// The test binary is also the engine: when the screens' side starts it, it runs a plan of one
// step, which does what ENGINE says.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // saves a second for each engine
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		os.Exit(engineForTests())
	}
	os.Exit(m.Run())
}

func engineForTests() int {
	h, err := steps.TakeHandover()
	if err != nil {
		engine.WriteError(os.Stderr, sys.AsFault(err))
		return 1
	}
	how := os.Getenv("ENGINE")
	if how == "refuse" {
		engine.WriteError(os.Stderr, sys.Usage("do it right", "it is wrong"))
		return 2
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	e, err := engine.Open(ctx, h.Paths)
	if err != nil {
		failure := sys.AsFault(err)
		engine.WriteError(os.Stderr, failure)
		return int(failure.Code)
	}
	run := func(ctx context.Context, s sys.System) error {
		s.Log(fmt.Sprintf("%d bytes, session leader %v, resume %v", len(h.Passphrase), syscall.Getpid() == getsid(), h.Resume))
		switch how {
		case "die", "die writing":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case "wait":
			<-ctx.Done()
			return context.Cause(ctx)
		}
		return nil
	}
	phase := engine.Check
	if how == "die writing" {
		phase = engine.Write
	}
	go func() {
		// As the command line does on SIGTERM.
		ch := make(chan os.Signal, 1)
		signal.Notify(ch, syscall.SIGTERM)
		<-ch
		cancel(sys.Stopped{Signal: syscall.SIGTERM})
	}()
	_ = e.Close(e.Run(ctx, engine.NewTask("demo", engine.NewStep("only", "wait", phase, engine.Do("", run)))))
	return 0
}

// follower returns a process, and what to start it with.
func follower(t *testing.T, how string) (*Process, steps.Answers) {
	t.Helper()
	t.Setenv("ENGINE", how)
	dir := t.TempDir()
	p := &Process{Paths: engine.Paths{Dir: dir, Events: filepath.Join(dir, "events.jsonl"), Log: filepath.Join(dir, "install.log")}}
	return p, steps.Answers{HostArg: "demo", Disk: steps.Disk{Path: "/dev/nvme0n1"}, Passphrase: []byte("correct horse")}
}

func start(p *Process, a steps.Answers) error {
	parts, err := a.Handover(p.Paths)
	if err != nil {
		return err
	}
	return p.Start(parts)
}

func sh(script string, args ...string) sys.Cmd {
	return sys.Cmd{Does: "test", Argv: append([]string{"sh", "-c", script, "sh"}, args...)}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func TestEngineIsAProcessOfItsOwn(t *testing.T) {
	p, a := follower(t, "")
	if p.Attached() {
		t.Error("attached to nothing")
	}
	a.Resume = true
	if err := start(p, a); err != nil {
		t.Fatal(err)
	}
	var lines []string
	if _, err := p.Follow(t.Context(), func(e engine.Event) { lines = append(lines, e.Line) }); err != nil {
		t.Fatal(err)
	}
	if want := "13 bytes, session leader true, resume true"; !slices.Contains(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	for range 3000 { // the process ends a little after its last event
		if !p.Running() {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if p.Running() || !p.Attached() {
		t.Errorf("running %v, attached %v", p.Running(), p.Attached())
	}
	if err := p.PutAway(); err != nil || p.Attached() {
		t.Errorf("put away: %v", err)
	}
	if err := p.Stop(); err == nil {
		t.Error("stopped what does not run")
	}
}

func TestEngineStops(t *testing.T) {
	p, a := follower(t, "wait")
	if err := start(p, a); err != nil {
		t.Fatal(err)
	}
	if err := p.PutAway(); sys.AsFault(err).Code != sys.CodeBusy {
		t.Errorf("put away while it runs: %v", err)
	}
	if err := start(p, a); sys.AsFault(err).Code != sys.CodeBusy {
		t.Errorf("a second one was started: %v", err)
	}
	// Screens that did not start the engine see it and can stop it too.
	other := &Process{Paths: p.Paths}
	var last engine.Event
	_, err := other.Follow(t.Context(), func(e engine.Event) {
		if e.Kind == engine.KindStarted {
			if err := other.Stop(); err != nil {
				t.Error(err)
			}
		}
		last = e
	})
	if err != nil || last.Kind != engine.KindEnded || last.Exit == nil || *last.Exit != sys.CodeTerminated {
		t.Errorf("%v, %+v", err, last)
	}
}

func TestEngineThatIsKilledIsNoticed(t *testing.T) {
	p, a := follower(t, "die")
	if err := start(p, a); err != nil {
		t.Fatal(err)
	}
	_, err := p.Follow(t.Context(), func(engine.Event) {})
	if e := sys.AsFault(err); err == nil || !strings.Contains(e.Cause, "killed") || e.Hint == "" || e.Code != sys.CodeUnexpected {
		t.Errorf("%+v", e)
	}
	p, a = follower(t, "die writing")
	if err := start(p, a); err != nil {
		t.Fatal(err)
	}
	_, err = p.Follow(t.Context(), func(engine.Event) {})
	if e := sys.AsFault(err); e.Code != sys.CodeWritten {
		t.Errorf("%+v", e)
	}
}

// PutAway undoes what a killed engine left, before the screens survey the disks again. While it
// does, no engine is running.
func TestPutAwayTakesBack(t *testing.T) {
	p, a := follower(t, "die writing")
	if err := start(p, a); err != nil {
		t.Fatal(err)
	}
	_, _ = p.Follow(t.Context(), func(engine.Event) {})
	undos, err := sys.OpenUndoStack(filepath.Join(p.Paths.Dir, "undo.json"))
	if err != nil {
		t.Fatal(err)
	}
	marker, on := filepath.Join(p.Paths.Dir, "undoing"), filepath.Join(p.Paths.Dir, "go on")
	killed := &sys.Machine{Reporter: sys.Silent{}, Undos: undos}
	if err := killed.Do(t.Context(), sh("true"), sh(`touch "$1"; until [ -e "$2" ]; do sleep 0.05; done`, marker, on)); err != nil {
		t.Fatal(err)
	}
	away := make(chan error)
	go func() { away <- p.PutAway() }()
	for !exists(marker) {
		time.Sleep(10 * time.Millisecond)
	}
	if p.Running() {
		t.Error("it is taken for an engine")
	}
	if err := errors.Join(os.WriteFile(on, nil, 0o600), <-away); err != nil || p.Attached() {
		t.Errorf("%v, attached %v", err, p.Attached())
	}
}

func TestEngineThatRefusesSaysWhy(t *testing.T) {
	p, a := follower(t, "refuse")
	err := start(p, a)
	if e := sys.AsFault(err); e.Cause != "it is wrong" || e.Hint != "do it right" {
		t.Errorf("%+v", e)
	}
}

// Two consoles confirm at the same moment: one of them installs, and the other gets an error.
// It does not remove the first one's events.
func TestTwoConsolesAtOnce(t *testing.T) {
	for range 5 {
		p, a := follower(t, "wait")
		const consoles = 3
		errs := make(chan error, consoles)
		for range consoles {
			a := a
			a.Passphrase = slices.Clone(a.Passphrase)
			go func() { errs <- start(p, a) }()
		}
		started := 0
		for range consoles {
			if err := <-errs; err == nil {
				started++
			} else if sys.AsFault(err).Code != sys.CodeBusy {
				t.Errorf("refused with %+v", sys.AsFault(err))
			}
		}
		if started != 1 {
			t.Errorf("%d installs were started", started)
		}
		plans := 0
		_, err := p.Follow(t.Context(), func(e engine.Event) {
			if e.Kind == engine.KindPlan {
				plans++
				if err := p.Stop(); err != nil {
					t.Error(err)
				}
			}
		})
		if err != nil || plans != 1 {
			t.Errorf("%d plans, %v", plans, err)
		}
	}
}

func getsid() int {
	sid, err := unix.Getsid(0)
	if err != nil {
		return -1
	}
	return sid
}
