//go:build e2e

package lab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The steps of an install, in order: of a prebuilt host with every optional step.
var stepNames = []string{
	"preflight", "source", "contract", "secrets", "gate", "partition", "encrypt", "format", "mount", "repo",
	"identity", "closure", "system", "sshkey", "secretsproof", "bootproof", "finish",
}

// TestCampaign injects faults into every step of an install. After each, nothing stays
// behind, no other disk was written to, and the next start completes: by resuming and,
// after the same fault again, by starting over.
//
// Without -full it runs a few of them.
func TestCampaign(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		t.Run(f.id(), func(t *testing.T) {
			places := f.slice
			if *full {
				places = stepNames
			}
			if places = slices.DeleteFunc(slices.Clone(places), func(step string) bool { return !f.can(step) }); len(places) == 0 {
				return
			}
			t.Parallel()
			var r *rig
			for _, step := range places {
				held := t.Run(step, func(st *testing.T) {
					if r == nil {
						r = newRig(t, f)
					}
					r.on(st).strikes(step)
				})
				if !held { // the machine is in an unknown state
					r = nil
				}
			}
		})
	}
}

// strikes fills a cell of the table.
func (r *rig) strikes(step string) {
	f := r.fault
	c := cell{fault: f.name, place: step, failed: true}
	defer func() {
		c.failed = r.t.Failed()
		struck.add(c)
	}()
	say := func(format string, args ...any) {
		c.outcome = strings.TrimPrefix(c.outcome+"; "+fmt.Sprintf(format, args...), "; ")
		r.t.Logf(format, args...)
	}
	host := r.host(step)

	// A fault at the step's start; then resume.
	struck := r.strike(host, step, 0)
	say("%s", struck)
	switch {
	case struck.exit == 0 && !f.cut: // the install does not need what the fault removed
		r.finished()
		r.untouched()
		return
	case struck.written:
		if !r.resume(host, struck) {
			break
		}
		say("resumed")
		if f.cut {
			r.putBack(struck)
			break
		}
		// A fault in the middle of the step; then start over.
		again := r.strike(host, step, r.seconds[step]*0.4)
		if again.String() != struck.String() {
			say("later: %s", again)
		}
	}
	r.startOver(host)
	say("started over")
	r.untouched()
}

// resume resumes the install, if there is something to resume. There must be, once the
// journal exists: in memory as soon as the table is written, on the disk as soon as it
// is mounted.
func (r *rig) resume(host hostArgs, b blow) bool {
	r.t.Helper()
	known := b.past("partition")
	if b.cut {
		known = b.past("mount")
	}
	out := r.run(installArgs(host.file, r.target, append(slices.Clone(host.args), "--resume")...)...)
	switch all := string(out.Stdout) + string(out.Stderr); {
	case out.Exit == 0:
		r.finished()
		return true
	case out.Exit == 2 && strings.Contains(all, "no unfinished install") && (!known || b.step == "finish"):
		r.letGo()
		return false
	default:
		r.t.Fatalf("--resume after %s: exit code %d\n%s", b, out.Exit, all)
		return false
	}
}

// startOver runs an install from its start to its end. It does not hash the store again:
// that takes most of the time, and the resumed install has done it.
func (r *rig) startOver(host hostArgs) {
	r.t.Helper()
	r.mustRun(installArgs(host.file, r.target, append(slices.Clone(host.args), "--start-over", "--skip-verify")...)...)
	for _, e := range r.events() {
		if e.Event == "finished" {
			r.seconds[e.Step] = e.Seconds
		}
	}
	r.finished()
}

// finished checks what a completed install has left.
func (r *rig) finished() {
	r.t.Helper()
	r.letGo()
	r.clean(r.target)
	r.othersUntouched()
}
