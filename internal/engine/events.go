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

// Kind is what an event tells.
type Kind string

// The kinds of event, in the order in which a step makes them. An install's
// last event is always KindEnded.
const (
	KindPlan     Kind = "plan"     // the plan, first
	KindStarted  Kind = "started"  // a step began
	KindCommand  Kind = "command"  // a command began
	KindLog      Kind = "log"      // a line of it
	KindProven   Kind = "proven"   // what a step has proven
	KindWarning  Kind = "warning"  // a line to be seen at the end
	KindProgress Kind = "progress" // how far the step is
	KindWaiting  Kind = "waiting"  // what is needed of the operator; without it: no more
	KindFinished Kind = "finished" // a step is done
	KindFailed   Kind = "failed"   // a step failed; undoing follows
	KindEnded    Kind = "ended"    // the program is about to end
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
	Seconds  float64       `json:"seconds,omitempty"` // duration: of the step, or of all
	Error    *Error        `json:"error,omitempty"`
	Plan     *Plan         `json:"plan,omitempty"`
	Exit     *Code         `json:"exit,omitempty"`

	job  Job    // whose plan is written whole; a reader has what all plans have
	line []byte // as it was read, if there may be more in it
}

// MarshalJSON keeps the plan of an install whole, which says more than others do.
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

// sink writes events to their file and every line to the log file. It never
// blocks on a reader: both are files.
type sink struct {
	mu       sync.Mutex
	events   *os.File
	log      *os.File
	eventBuf *bufio.Writer
	logBuf   *bufio.Writer
	step     Name
	progress time.Time     // of the last progress event
	last     *sys.Progress // held back by the throttle
	err      error
	stop     chan struct{}
}

// flushEvery bounds how late a follower sees an event.
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

// fresh makes a new file, so that whoever still follows the old one keeps it
// whole.
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

// put adds an event; the lock is held.
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

// logLine is what an event adds to the log file.
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

// The methods below make sink the sys.Reporter of the running step.

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

// Progress keeps only the newest of what comes too fast.
func (s *sink) Progress(p sys.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.progress) < progressEvery {
		s.last = &p
		return
	}
	s.last, s.progress = nil, time.Now()
	s.put(Event{Kind: KindProgress, Progress: &p})
}
