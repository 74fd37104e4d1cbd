package steps

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

// Follow gives the engine's events from the first to the last. If the engine
// dies without a last one, that is an error.
func (p *EngineProcess) Follow(ctx context.Context, each func(engine.Event)) error {
	_, err := p.FollowCode(ctx, each)
	return err
}

// FollowCode is Follow that also returns the engine's exit code.
func (p *EngineProcess) FollowCode(ctx context.Context, each func(engine.Event)) (engine.Code, error) {
	p.begun(ctx)
	var plan *engine.Plan
	wrote := false
	code, err := engine.FollowWhile(ctx, p.Paths.Events, func(e engine.Event) {
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
		err = sys.Faultf(gone, "what it had mounted is undone when you start again", "%w", err)
	}
	return code, err
}

// begun waits for the events of an engine that has the lock and no more yet.
func (p *EngineProcess) begun(ctx context.Context) {
	for p.Running() && ctx.Err() == nil {
		if _, err := os.Stat(p.Paths.Events); err == nil {
			return
		}
		time.Sleep(engine.FollowEvery)
	}
}

// Next waits for an install whose events are in another file than last, which is
// nil or what Next returned.
func (p *EngineProcess) Next(ctx context.Context, last os.FileInfo) (os.FileInfo, error) {
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
