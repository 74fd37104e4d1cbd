package steps

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"auto-installer/steps/internal/sys"
)

// followEvery is how often a follower looks for more.
const followEvery = 50 * time.Millisecond

// maxEvent bounds one line of the events file, in bytes.
const maxEvent = 1 << 20

// Follow reads an events file from its start and gives each event to each,
// until the last one or until ctx ends. It returns the exit code of the
// install that it followed. A file that a new install replaced is followed to
// its end.
func Follow(ctx context.Context, file string, each func(Event)) (Code, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, Usage("start one with `auto-installer install`", "there is no install to follow: %s is not there", file)
	}
	if err != nil {
		return 0, sys.WithHint(err, sys.CodeMachine, "run it as root", "following the install")
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var part []byte
	for {
		chunk, err := r.ReadBytes('\n')
		part = append(part, chunk...)
		switch {
		case errors.Is(err, io.EOF):
			if len(part) > maxEvent {
				return 0, fault(sys.CodeUnexpected, "it is not an events file", "%s has a line of more than %d bytes", file, maxEvent)
			}
			select {
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			case <-time.After(followEvery):
			}
			continue
		case err != nil:
			return 0, err
		}
		var e Event
		if err := json.Unmarshal(part, &e); err != nil {
			return 0, fault(sys.CodeUnexpected, "it is not an events file", "%s: %w", file, err)
		}
		part = part[:0]
		each(e)
		if e.Kind == KindEnded && e.Exit != nil {
			return *e.Exit, nil
		}
	}
}

// Follow gives the engine's events from the first to the last. If the engine
// dies without a last one, that is an error.
func (p *EngineProcess) Follow(ctx context.Context, each func(Event)) error {
	_, err := p.FollowCode(ctx, each)
	return err
}

// FollowCode is Follow that also returns the engine's exit code.
func (p *EngineProcess) FollowCode(ctx context.Context, each func(Event)) (Code, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go p.watch(ctx, cancel)
	p.begun(ctx)
	var plan *Plan
	wrote := false
	code, err := Follow(ctx, p.Paths.Events, func(e Event) {
		switch e.Kind {
		case KindPlan:
			plan, wrote = e.Plan, e.Plan != nil && e.Plan.Resumed
		case KindStarted:
			wrote = wrote || plan != nil && slices.ContainsFunc(plan.Steps, func(s Step) bool { return s.Writes && s.Name == e.Step })
		}
		each(e)
	})
	if errors.Is(err, errEngineGone) {
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
		time.Sleep(followEvery)
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
		case <-time.After(followEvery):
		}
	}
}

// errEngineGone: the lock is free and there was no last event.
var errEngineGone = errors.New("the install was killed from outside")

// watch ends ctx if no engine holds the lock for a while, long enough for the
// last event to be read.
func (p *EngineProcess) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	gone := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		if p.Running() {
			gone = 0
			continue
		}
		if gone++; gone == 5 {
			cancel(errEngineGone)
			return
		}
	}
}

func quote(argv []string) string { return sys.Quote(argv) }
