//go:build e2e

package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// blow is the state of an install at its fault, and how it ended.
type blow struct {
	aimed   string // the step to hit
	step    string // the step that was hit
	exit    int
	written bool // the install wrote to the disk
	cut     bool
	disk    string // a copy of it after the fault
}

func (b blow) String() string {
	text := fmt.Sprintf("exit %d", b.exit)
	switch {
	case b.cut:
		text = "off"
	case b.exit == 0:
		return "installed all the same"
	}
	if b.step != b.aimed {
		text += " in " + b.step
	}
	return text
}

// strike starts an install and injects the fault into a step, after some seconds. A short
// step may be over before that, and with the last step the install: strike then retries.
func (r *rig) strike(host hostArgs, step string, seconds float64) blow {
	r.t.Helper()
	for range 3 {
		if b, ok := r.tryToStrike(host, step, seconds); ok {
			return b
		}
		seconds = 0
	}
	r.t.Fatalf("three installs completed before the fault in %s", step)
	return blow{}
}

func (r *rig) tryToStrike(host hostArgs, step string, seconds float64) (blow, bool) {
	r.t.Helper()
	f := r.fault
	ctx, cancel := context.WithTimeout(r.t.Context(), Hung)
	defer cancel()
	before := hash(r.t, r.target)
	if f.arm != nil {
		f.arm(r, step)
	}
	r.hold(step)
	shell(r.t, r.Machine, "rm -f /run/auto-installer/events.jsonl")
	watch, err := r.Agent.Start(ctx, nil, "bash", "-c", f.watcher(r, step, time.Duration(seconds*float64(time.Second))))
	r.must(err)
	engine, err := r.Agent.Start(ctx, nil, append([]string{"auto-installer"}, installArgs(host.file, r.target, host.args...)...)...)
	r.must(err)
	seen, err := watch.Wait(ctx)
	r.must(err)
	if !strings.Contains(string(seen.Stdout), "struck") {
		end, err := engine.Wait(ctx)
		r.must(err)
		if f.arm != nil && f.mend != nil {
			f.mend(r, step)
		}
		if end.Exit != 0 {
			r.t.Fatalf("no fault was injected: %s%s\nexit code %d\n%s%s", seen.Stdout, seen.Stderr, end.Exit, end.Stdout, end.Stderr)
		}
		return blow{}, false
	}
	b := blow{aimed: step, cut: f.cut}
	if f.cut {
		r.look(&b)
		r.untouched()
	}
	if f.strike != nil {
		f.strike(r, step)
	}
	if f.cut {
		b.disk = filepath.Join(r.t.TempDir(), "disk")
		r.copyDisk(r.target.Path, b.disk)
		t := r.t
		r.boot()
		r.on(t)
		b.written = hash(r.t, r.target) != before
		r.othersUntouched()
		return b, true
	}
	r.release(step)
	if f.signal == "STOP" {
		shell(r.t, r.Machine, `kill -CONT "$(cat /run/auto-installer/lock)"`)
	}
	end, err := engine.Wait(ctx)
	r.must(err)
	b.exit = end.Exit
	if f.mend != nil {
		f.mend(r, step)
	}
	r.look(&b)
	r.judge(b, end)
	shell(r.t, r.Machine, "sync")
	b.written = hash(r.t, r.target) != before
	if b.written && !b.past("gate") {
		r.t.Errorf("the install wrote to the disk in the step %s", b.step)
	}
	r.othersUntouched()
	return b, true
}

// past reports whether the hit step comes after this one.
func (b blow) past(step string) bool {
	return slices.Index(stepNames, b.step) > slices.Index(stepNames, step)
}

// look reads from the events how far the install is.
func (r *rig) look(b *blow) {
	r.t.Helper()
	for _, e := range r.events() {
		if e.Event == "started" {
			b.step = e.Step
		}
	}
}

// judge checks how an install with a fault ended, and what it left. A killed one, or one
// without umount, cannot unmount: the next start does.
func (r *rig) judge(b blow, end Result) {
	r.t.Helper()
	f := r.fault
	all := string(end.Stdout) + string(end.Stderr)
	switch f.signal {
	case "KILL":
		if b.exit != 137 {
			r.t.Errorf("exit code %d\n%s", b.exit, all)
		}
		return
	case "INT":
		if spared := b.exit == 0 && f.spares != nil && f.spares(b.aimed); b.exit != 130 && !spared {
			r.t.Errorf("exit code %d\n%s", b.exit, all)
		}
	default:
		if b.exit == 0 && (f.spares == nil || !f.spares(b.aimed)) {
			r.t.Errorf("the install completed in spite of the fault\n%s", all)
		}
		if b.exit != 0 && (!strings.Contains(all, "error: ") || !strings.Contains(all, "hint: ") || b.exit == 1) {
			r.t.Errorf("exit code %d\n%s", b.exit, all)
		}
	}
	if f.arm == nil || b.step != "finish" {
		r.letGo()
	}
}
