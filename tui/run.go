package tui

import (
	"context"
	"slices"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
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
	failed   *engine.Error
	log      logPane
}

type stepRow struct {
	name    engine.Name
	does    string
	phase   engine.Phase
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

// apply takes one event.
func (r *run) apply(e engine.Event) {
	r.now = e.Time
	switch {
	case e.Kind == engine.KindPlan && e.Plan == nil, e.Kind == engine.KindProgress && e.Progress == nil,
		e.Kind == engine.KindFailed && e.Error == nil, e.Kind == engine.KindCommand && e.Action == nil:
		return // the engine is of another version
	}
	switch e.Kind {
	case engine.KindPlan:
		*r = run{plan: e.Plan, began: e.Time, now: e.Time, at: -1, log: r.log, written: e.Plan.Resumed, kept: e.Plan.Resumed}
		for _, s := range e.Plan.Steps {
			r.steps = append(r.steps, stepRow{name: s.Name, does: s.Does, phase: s.Phase})
		}
	case engine.KindStarted:
		r.start(e)
	case engine.KindFinished:
		r.finish(e, stepDone)
	case engine.KindFailed:
		r.finish(e, stepFailed)
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
		r.log.add("$ " + steps.Quote(e.Action.Argv))
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
	return r.at >= 0 && r.at < len(r.steps) && r.steps[r.at].phase == engine.Prove
}

func (r *run) start(e engine.Event) {
	if i := slices.IndexFunc(r.steps, func(s stepRow) bool { return s.name == e.Step }); i >= 0 {
		r.at, r.progress = i, sys.Progress{}
		r.steps[i].state, r.steps[i].began = stepRunning, e.Time
		r.written = r.written || r.steps[i].phase != engine.Check
	}
}

func (r *run) finish(e engine.Event, state stepState) {
	r.waiting = sys.Waiting{}
	if i := slices.IndexFunc(r.steps, func(s stepRow) bool { return s.name == e.Step }); i >= 0 {
		r.steps[i].state, r.steps[i].seconds = state, e.Time.Sub(r.steps[i].began).Seconds()
		r.kept = r.kept || state == stepDone && r.steps[i].phase != engine.Check
	}
}

// feed carries events from the follower to the screens. The follower never
// blocks: the feed keeps what comes faster than the screens read, and of log lines
// as many as the log pane keeps.
type feed struct {
	mu     sync.Mutex
	events []engine.Event
	logs   int // log events among them
	missed int // log lines that were dropped
	done   bool
	err    error
	wake   chan struct{}
}

func newFeed() *feed { return &feed{wake: make(chan struct{}, 1)} }

func (f *feed) put(e engine.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Kind == engine.KindLog {
		e.Line = short(e.Line)
		if f.logs++; f.logs > 2*maxLines {
			f.shed()
		}
	}
	f.events = append(f.events, e)
	f.signal()
}

// shed drops all but the newest maxLines log lines; other events stay.
func (f *feed) shed() {
	kept := f.events[:0]
	drop := f.logs - maxLines
	for _, e := range f.events {
		if e.Kind == engine.KindLog && drop > 0 {
			drop--
			f.logs--
			f.missed++
			continue
		}
		kept = append(kept, e)
	}
	clear(f.events[len(kept):]) // frees their lines
	f.events = kept
}

func (f *feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done, f.err = true, err
	f.signal()
}

// eventsMsg is a batch of events for Update.
type eventsMsg struct {
	feed   *feed
	events []engine.Event
	missed int
	done   bool
	err    error
}

// batchEvery is how long events are collected for one batch.
const batchEvery = 100 * time.Millisecond

// await waits for the next batch.
func (f *feed) await() tea.Cmd {
	return func() tea.Msg {
		<-f.wake
		time.Sleep(batchEvery)
		f.mu.Lock()
		defer f.mu.Unlock()
		msg := eventsMsg{f, f.events, f.missed, f.done, f.err}
		f.events, f.logs, f.missed = nil, 0, 0
		return msg
	}
}

// follow passes on the engine's events, from the first one.
func follow(b Backend) tea.Cmd {
	f := newFeed()
	go func() { f.end(b.Follow(context.Background(), f.put)) }()
	return f.await()
}

// events takes a batch, and goes to the last screens when the install has ended.
func (m *model) events(msg eventsMsg) tea.Cmd {
	m.run.log.skip(msg.missed)
	for _, e := range msg.events {
		m.run.apply(e)
	}
	if !msg.done {
		return msg.feed.await()
	}
	switch {
	case msg.err != nil && m.run.failed == nil:
		m.run.failed, m.run.killed = engine.NewError("", msg.err), true
		fallthrough
	case m.run.failed != nil:
		m.failure = m.run.failed
		m.run.ended = true
		return m.turn(stateFailure)
	}
	m.wipe()
	return m.turn(stateDone)
}
