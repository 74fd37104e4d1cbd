package steps

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/journal"
)

func newPaths(t *testing.T) engine.Paths {
	dir := t.TempDir()
	return engine.Paths{Dir: filepath.Join(dir, "run"), Events: filepath.Join(dir, "out", "events.jsonl"), Log: filepath.Join(dir, "out", "install.log")}
}

func open(t *testing.T, p engine.Paths) *engine.Engine {
	t.Helper()
	e, err := engine.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// testPlan returns an install of these steps, with a target where nothing is mounted.
func testPlan(t *testing.T, steps ...engine.Step) *Install {
	return &Install{
		Plan: engine.Plan{Host: "demo", Warnings: []string{}, Steps: steps},
		Mode: "flake", Disk: block.Identity{Path: "/dev/x"}, root: t.TempDir(), journal: &journal.Journal{},
	}
}

func doing(name engine.Name, writes bool, run func(context.Context, sys.System) error) engine.Step {
	phase := engine.Check
	if writes {
		phase = engine.Write
	}
	return engine.NewStep(name, string(name), phase, engine.Do("", run))
}

func sh(script string, args ...string) sys.Cmd {
	return sys.Cmd{Does: "test", Argv: append([]string{"sh", "-c", script, "sh"}, args...)}
}

func events(t *testing.T, p engine.Paths) []engine.Event {
	t.Helper()
	f, err := os.Open(p.Events)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var es []engine.Event
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var e engine.Event
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

// The plan's event has all fields of the plan.
func TestPlanEvent(t *testing.T) {
	p := newPaths(t)
	e := open(t, p)
	if err := e.Close(e.Run(t.Context(), testPlan(t))); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(p.Events)
	if err != nil || !strings.Contains(string(data), `"disk":{"path":"/dev/x"`) {
		t.Errorf("%v: %s", err, data)
	}
	if es := events(t, p); es[0].Plan == nil || es[0].Plan.Host != "demo" {
		t.Errorf("%+v", es[0])
	}
}

// A stopped install says so, whatever failed because of the stop.
func TestStoppedWhileWriting(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	plan := testPlan(t, doing("writing", true, func(context.Context, sys.System) error {
		cancel(sys.Stopped{Signal: syscall.SIGINT})
		return sys.Incomplete(errors.New("signal: killed"), "writing")
	}))
	e := open(t, newPaths(t))
	if err := e.Close(e.Run(ctx, plan)); sys.AsFault(err).Code != sys.CodeInterrupt {
		t.Errorf("%v", err)
	}
}

// The log is saved on the install's own disk. A target that its owner uses, or that was
// mounted before the gate, does not change.
func TestLogOnTarget(t *testing.T) {
	umount := sys.Cmd{Argv: []string{"umount", "nowhere"}, While: sys.Exists("/nowhere")}
	for _, c := range []struct {
		name   string
		writes bool
		err    error
		saved  bool
	}{
		{"before the gate", false, errors.New("odd"), false},
		{"after it", true, errors.New("odd"), true},
		{"in use since", true, sys.Usage("start over", "it was started"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPaths(t)
			e := open(t, p)
			plan := testPlan(t, doing("bad", c.writes, func(ctx context.Context, s sys.System) error {
				return errors.Join(s.Do(ctx, sh("true"), umount), c.err)
			}))
			plan.root = "/proc" // a mount that no log can be written to
			_ = e.Close(e.Run(t.Context(), plan))
			log, err := os.ReadFile(p.Log)
			if tried := strings.Contains(string(log), "cannot save the log on the target"); err != nil || tried != c.saved {
				t.Errorf("tried to save the log: %v, %v", tried, err)
			}
		})
	}
}
