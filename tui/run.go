package tui

import (
	"context"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// run is the install, as its events describe it.
type run struct {
	plan     *engine.Plan
	steps    []stepRow
	at       int // index of the step that runs
	progress sys.Progress
	overall  engine.Overall
	began    time.Time
	now      time.Time   // of the newest event, or the wall clock while it runs
	seconds  float64     // in all, once ended
	waiting  sys.Waiting // what the engine needs of the operator, if anything
	before   int         // how many warnings had come before it waited
	warnings []string
	written  bool // past the gate
	kept     bool // a step past the gate is done, and another engine can resume from it
	ended    bool
	killed   bool // the engine ended without a last event
	proven   []string
	failed   *sys.Fault
	log      logPane
}

type stepRow struct {
	engine.Step
	state   stepState
	began   time.Time
	seconds float64
}

type stepState int

const (
	stepWaiting stepState = iota
	stepRunning
	stepDone
	stepFailed
)

func (r *run) apply(e engine.Event) {
	r.now = e.Time
	switch e.Kind {
	case engine.KindPlan:
		*r = run{plan: e.Plan, began: e.Time, now: e.Time, at: -1, log: r.log, written: e.Plan.Resumed, kept: e.Plan.Resumed}
		for _, s := range e.Plan.Steps {
			r.steps = append(r.steps, stepRow{Step: s})
		}
	case engine.KindStarted:
		r.mark(e, stepRunning)
	case engine.KindFinished:
		r.mark(e, stepDone)
	case engine.KindFailed:
		r.mark(e, stepFailed)
		r.failed = e.Error
		r.log.add("error: " + clean(e.Error.Cause))
	case engine.KindProgress:
		r.progress = *e.Progress
	case engine.KindWaiting:
		r.waiting = sys.Waiting{}
		if e.Waiting != nil {
			r.waiting, r.before = *e.Waiting, len(r.warnings)
			r.log.add("waiting for " + e.Waiting.For)
			for _, line := range e.Waiting.How {
				r.log.add(line)
			}
		}
	case engine.KindWarning:
		r.warnings = append(r.warnings, e.Line)
		r.log.add("warning: " + e.Line)
	case engine.KindCommand:
		r.log.add("$ " + sys.Quote(e.Action.Argv))
	case engine.KindLog:
		r.log.add(e.Line)
	case engine.KindProven:
		r.log.add("proven: " + e.Line)
		r.proven = append(r.proven, e.Line)
	case engine.KindEnded:
		r.ended, r.seconds = true, e.Seconds
		if e.Error != nil {
			r.failed = e.Error
		}
	}
	r.overall.Event(e)
}

// tick moves the clock on while no event comes.
func (r *run) tick() {
	if !r.ended && time.Since(r.now) > tickEvery {
		r.now = time.Now()
	}
}

// proving reports whether everything is written, and the engine proves it.
func (r *run) proving() bool {
	return r.at >= 0 && r.at < len(r.steps) && r.steps[r.at].Phase == engine.Prove
}

// mark notes how far a step is.
func (r *run) mark(e engine.Event, to stepState) {
	r.waiting = sys.Waiting{}
	i := slices.IndexFunc(r.steps, func(s stepRow) bool { return s.Name == e.Step })
	if i < 0 {
		return
	}
	s := &r.steps[i]
	s.state = to
	writes := s.Phase != engine.Check
	if to == stepRunning {
		r.at, r.progress, s.began = i, sys.Progress{}, e.Time
		r.written = r.written || writes
		return
	}
	s.seconds = e.Time.Sub(s.began).Seconds()
	r.kept = r.kept || to == stepDone && writes
}

// feed carries events from the follower to the screens. The engine writes them to a
// file, so the engine does not wait for a follower that waits for the screens.
type feed struct {
	events chan engine.Event // closed after the last one
	err    error             // of following, once events is closed
}

// follow passes on the engine's events, from the first one.
func (s *session) follow() {
	b, f := s.backend, &feed{events: make(chan engine.Event, 1024)}
	go func() {
		_, f.err = b.Follow(context.Background(), func(e engine.Event) { f.events <- e })
		close(f.events)
	}()
	s.start(f.await)
}

// eventsMsg is a batch of events for Update.
type eventsMsg struct {
	feed   *feed
	events []engine.Event
	done   bool
	err    error
}

// batchEvery is how long events are collected for one batch.
const batchEvery = 100 * time.Millisecond

// await waits for the next batch.
func (f *feed) await() tea.Msg {
	msg := eventsMsg{feed: f}
	var enough <-chan time.Time
	for len(msg.events) < maxLines {
		select {
		case e, ok := <-f.events:
			if !ok {
				msg.done, msg.err = true, f.err
				return msg
			}
			if enough == nil {
				enough = time.After(batchEvery)
			}
			msg.events = append(msg.events, e)
		case <-enough:
			return msg
		}
	}
	return msg
}

// events takes a batch, and goes to the last screens when the install has ended.
func (m *model) events(msg eventsMsg) {
	for _, e := range msg.events {
		m.run.apply(e)
	}
	if !msg.done {
		m.start(msg.feed.await)
		return
	}
	if msg.err != nil && m.run.failed == nil {
		m.run.failed, m.run.killed = sys.AsFault(msg.err), true
	}
	if m.run.failed != nil {
		m.run.ended = true
		m.goTo(stateFailure)
		return
	}
	m.wipe()
	m.goTo(stateDone)
}
