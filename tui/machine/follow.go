package machine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Follow calls each with the engine's events, from the first to the last, and returns the
// engine's exit code. An engine that dies without a last event is an error.
func (p *Process) Follow(ctx context.Context, each func(engine.Event)) (sys.Code, error) {
	p.awaitFile(ctx)
	var plan *engine.Plan
	wrote := false
	code, err := engine.Follow(ctx, p.Paths.Events, func(e engine.Event) {
		switch e.Kind {
		case engine.KindPlan:
			plan, wrote = e.Plan, e.Plan != nil && e.Plan.Resumed
		case engine.KindStarted:
			wrote = wrote || plan != nil && slices.ContainsFunc(plan.Steps, func(s engine.Step) bool { return s.Phase != engine.Check && s.Name == e.Step })
		}
		each(e)
	}, p.Running)
	if errors.Is(err, engine.ErrGone) {
		gone := sys.CodeUnexpected
		if wrote {
			gone = sys.CodeWritten
		}
		err = sys.Faultf(gone, "start the installer again; it unmounts what is still mounted", "%w", err)
	}
	return code, err
}

// awaitFile waits until an engine that holds the lock has created its events file.
func (p *Process) awaitFile(ctx context.Context) {
	for p.Running() && ctx.Err() == nil {
		if _, err := os.Stat(p.Paths.Events); err == nil {
			return
		}
		time.Sleep(engine.FollowEvery)
	}
}

// Next waits for an install with another events file than last. Last is nil at first,
// and then what Next returned.
func (p *Process) Next(ctx context.Context, last os.FileInfo) (os.FileInfo, error) {
	for {
		now, err := os.Stat(p.Paths.Events)
		switch {
		case err == nil && (last == nil || !os.SameFile(last, now)):
			return now, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(engine.FollowEvery):
		}
	}
}
