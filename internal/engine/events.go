package engine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"auto-installer/internal/sys"
)

// Kind is the kind of an event.
type Kind string

// The kinds of event, in the order in which a step emits them. The last event of a
// run is always KindEnded.
const (
	KindPlan     Kind = "plan"     // the plan; the first event
	KindStarted  Kind = "started"  // a step has started
	KindCommand  Kind = "command"  // a command has started
	KindLog      Kind = "log"      // a line for the log
	KindProven   Kind = "proven"   // what a step has proven
	KindWarning  Kind = "warning"  // a line that is shown again at the end
	KindProgress Kind = "progress" // how far the step is
	KindWaiting  Kind = "waiting"  // what the step needs from the operator; empty: it goes on
	KindFinished Kind = "finished" // a step has finished
	KindFailed   Kind = "failed"   // a step has failed; the undo list follows
	KindEnded    Kind = "ended"    // the run has ended
)

// Event is one line of the events file.
type Event struct {
	Time     time.Time     `json:"time"`
	Kind     Kind          `json:"event"`
	Step     Name          `json:"step,omitempty"`
	Line     string        `json:"line,omitempty"`
	Action   *sys.Action   `json:"action,omitempty"`
	Progress *sys.Progress `json:"progress,omitempty"`
	Waiting  *sys.Waiting  `json:"waiting,omitempty"`
	Seconds  float64       `json:"seconds,omitempty"` // how long the step took, or the run
	Error    *sys.Fault    `json:"error,omitempty"`
	Plan     *Plan         `json:"plan,omitempty"`
	Exit     *sys.Code     `json:"exit,omitempty"`

	job  Job    // the plan to write, with the fields of its kind
	line []byte // the line as it was read, with fields that Plan does not have
}

// MarshalJSON writes the plan with the fields of its kind, or the line as it was read.
func (e Event) MarshalJSON() ([]byte, error) {
	type event Event // without this method
	switch {
	case e.line != nil:
		return e.line, nil
	case e.job != nil:
		return json.Marshal(struct {
			event
			Plan Job `json:"plan"`
		}{event(e), e.job})
	}
	return json.Marshal(event(e))
}

// sink writes events to one file and log lines to another. Both are files, so no
// reader blocks it.
type sink struct {
	mu       sync.Mutex
	events   *os.File
	log      *os.File
	eventBuf *bufio.Writer
	logBuf   *bufio.Writer
	step     Name
	progress time.Time     // when the last progress event was written
	last     *sys.Progress // not written yet
	err      error
	stop     chan struct{}
}

// flushEvery bounds how long an event waits before a follower sees it.
const flushEvery = 50 * time.Millisecond

// progressEvery is the shortest time between two progress events of a step.
const progressEvery = 100 * time.Millisecond

func newSink(events, log string) (*sink, error) {
	e, err := fresh(events)
	if err != nil {
		return nil, err
	}
	l, err := fresh(log)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	s := &sink{
		events: e, log: l, stop: make(chan struct{}),
		eventBuf: bufio.NewWriterSize(e, 256<<10), logBuf: bufio.NewWriterSize(l, 256<<10),
	}
	go s.flusher()
	return s, nil
}

// fresh creates a file under another name and renames it over the old one. A
// follower of the old file keeps it.
func fresh(name string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

func (s *sink) flusher() {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
			s.mu.Lock()
			s.flush()
			s.mu.Unlock()
		}
	}
}

func (s *sink) flush() {
	if s.last != nil && time.Since(s.progress) >= progressEvery {
		s.put(Event{Kind: KindProgress, Progress: s.last})
		s.last, s.progress = nil, time.Now()
	}
	s.note(s.eventBuf.Flush())
	s.note(s.logBuf.Flush())
}

func (s *sink) note(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *sink) emit(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(e)
	if e.Kind != KindLog && e.Kind != KindProgress {
		s.flush()
	}
}

// put adds an event. The caller holds the mutex.
func (s *sink) put(e Event) {
	e.Time = time.Now()
	switch e.Kind {
	case KindStarted:
		s.step, s.last = e.Step, nil
	case KindFinished, KindFailed:
		if s.last != nil {
			last := s.last
			s.last = nil
			s.put(Event{Kind: KindProgress, Progress: last})
		}
	}
	if e.Step == "" {
		e.Step = s.step
	}
	line, err := json.Marshal(e)
	s.note(err)
	_, err = s.eventBuf.Write(append(line, '\n'))
	s.note(err)
	if text := logLine(e); text != "" {
		_, err = fmt.Fprintf(s.logBuf, "%s %-10s %s\n", e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), e.Step, sys.Visible(text))
		s.note(err)
	}
}

// logLine returns the text that an event adds to the log file.
func logLine(e Event) string {
	switch e.Kind {
	case KindLog:
		return sys.VisibleLine(e.Line)
	case KindProven:
		return "proven: " + sys.VisibleLine(e.Line)
	case KindWarning:
		return "warning: " + sys.VisibleLine(e.Line)
	case KindStarted:
		return "== started"
	case KindCommand:
		return "$ " + sys.Quote(e.Action.Argv)
	case KindWaiting:
		if e.Waiting != nil {
			return "waiting for " + e.Waiting.For
		}
		return "no longer waiting"
	case KindFinished:
		return fmt.Sprintf("== finished in %.1f s", e.Seconds)
	case KindFailed:
		return "== failed: " + e.Error.Cause
	case KindEnded:
		return fmt.Sprintf("== ended with exit code %d", *e.Exit)
	}
	return ""
}

func (s *sink) close() error {
	close(s.stop)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	return errors.Join(s.err, s.events.Close(), s.log.Close())
}

// The methods below implement sys.Reporter for the running step.

func (s *sink) Command(c sys.Cmd) {
	a := c.Action()
	s.emit(Event{Kind: KindCommand, Action: &a})
}

func (s *sink) Log(line string) { s.emit(Event{Kind: KindLog, Line: line}) }

func (s *sink) Warn(line string) { s.emit(Event{Kind: KindWarning, Line: line}) }

func (s *sink) Proven(what string) { s.emit(Event{Kind: KindProven, Line: what}) }

func (s *sink) Waiting(w sys.Waiting) {
	e := Event{Kind: KindWaiting}
	if w.For != "" {
		e.Waiting = &w
	}
	s.emit(e)
}

// Progress keeps the newest progress for flush, which writes one each progressEvery.
func (s *sink) Progress(p sys.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = &p
}
