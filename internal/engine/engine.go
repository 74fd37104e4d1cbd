package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"auto-installer/internal/sys"
)

// RunDir is where an engine keeps its files. It is in memory.
const RunDir = "/run/auto-installer"

// Paths names the files of one engine.
type Paths struct {
	Dir    string // lock, undo list, clone
	Events string
	Log    string
}

// DefaultPaths returns the paths of an install, below RunDir.
func DefaultPaths() Paths { return pathsIn(RunDir, "install.log") }

func pathsIn(dir, log string) Paths {
	return Paths{Dir: dir, Events: filepath.Join(dir, "events.jsonl"), Log: filepath.Join(dir, log)}
}

// Engine runs one plan. A machine runs one at a time.
type Engine struct {
	*sink
	Paths   Paths
	lock    *os.File
	machine *sys.Machine
	began   time.Time

	// LogProblem is why the log is incomplete, or nil. Close sets it.
	LogProblem error
}

// endTime bounds how long Cleared waits for the processes of a killed engine.
const endTime = 10 * time.Second

// Open takes the machine's lock and cleans up after a killed engine.
func Open(ctx context.Context, p Paths) (*Engine, error) {
	if err := makePrivate(p.Dir); err != nil {
		return nil, NoFiles(err)
	}
	lock, err := takeLock(filepath.Join(p.Dir, "lock"))
	if err != nil {
		return nil, NoFiles(err)
	}
	e := &Engine{Paths: p, lock: lock, began: time.Now()}
	if err := e.open(ctx); err != nil {
		return nil, NoFiles(errors.Join(err, lock.Close()))
	}
	return e, nil
}

func (e *Engine) open(ctx context.Context) error {
	var err error
	if e.sink, err = newSink(e.Paths.Events, e.Paths.Log); err != nil {
		return err
	}
	e.machine, err = Cleared(ctx, e.Paths, e.sink)
	return err
}

// Cleared ends the processes that a killed engine left, undoes its undo list, and
// returns the machine. The caller holds the lock.
func Cleared(ctx context.Context, p Paths, r sys.Reporter) (*sys.Machine, error) {
	undos, err := sys.OpenUndoStack(filepath.Join(p.Dir, "undo.json"))
	if err != nil {
		return nil, err
	}
	m := &sys.Machine{Reporter: r, Undos: undos, Sessions: sys.Sessions(filepath.Join(p.Dir, "running"))}
	if n := m.Sessions.End(endTime); n > 0 {
		m.Log(fmt.Sprintf("cleaning up after an interrupted run: killed %d of its processes", n))
	}
	if undos.Len() > 0 {
		m.Log("cleaning up after an interrupted run: unmounting and closing what it left open")
		// An undo command fails on what is already gone. The survey of the disks
		// finds what is really still in use.
		if err := m.Unwind(ctx); err != nil {
			logLines(m, err.Error())
		}
	}
	return m, nil
}

// logLines logs a message of several lines.
func logLines(m *sys.Machine, text string) {
	for line := range strings.Lines(text) {
		m.Log(strings.TrimRight(line, "\n"))
	}
}

// Run executes a plan and returns an *sys.Fault if it fails. Nothing stays mounted,
// also after a failure.
func (e *Engine) Run(ctx context.Context, job Job) error {
	p := job.plan()
	defer func() { _ = job.Close() }() // the steps have written and synced everything
	e.emit(Event{Kind: KindPlan, Plan: p, job: job})
	for _, w := range p.Warnings {
		e.Warn(w)
	}
	for _, n := range p.Notes {
		logLines(e.machine, "note: "+n)
	}
	for _, step := range p.Steps {
		start := time.Now()
		e.emit(Event{Kind: KindStarted, Step: step.Name})
		if err := step.Run(ctx, e.machine); err != nil {
			return e.fail(ctx, job, step, err)
		}
		e.emit(Event{Kind: KindFinished, Step: step.Name, Seconds: time.Since(start).Seconds()})
		if step.Phase != Check {
			if err := job.Wrote(e, step); err != nil {
				return e.fail(ctx, job, step, err)
			}
		}
	}
	return nil
}

// Mounts returns whether something is mounted that the engine will unmount.
func (e *Engine) Mounts() bool { return e.machine.Undos.Holds("umount") }

func (e *Engine) fail(ctx context.Context, job Job, step Step, err error) error {
	if stop := context.Cause(ctx); stop != nil {
		err = job.Stopped(err, stop)
	}
	failure := *sys.AsFault(err)
	failure.Step = string(step.Name)
	if (step.Phase != Check || job.plan().Resumed) && failure.Code == sys.CodeUnexpected {
		failure.Code = sys.CodeWritten
	}
	e.emit(Event{Kind: KindFailed, Step: step.Name, Error: &failure})
	job.Failed(e, step, failure.Code)
	if err := e.machine.Unwind(ctx); err != nil {
		e.Warn("something is still mounted or open; the next start retries: " + err.Error())
	}
	return &failure
}

// Close writes the last event and releases the lock. It returns err as an *sys.Fault,
// or nil. A log that could not be written does not make an install fail.
func (e *Engine) Close(err error) error {
	var failure *sys.Fault
	exit := sys.CodeOK
	if err != nil {
		failure = sys.AsFault(err)
		exit = failure.Code
	}
	e.emit(Event{Kind: KindEnded, Step: "-", Seconds: time.Since(e.began).Seconds(), Error: failure, Exit: &exit})
	e.LogProblem = errors.Join(e.close(), e.lock.Close())
	if failure == nil {
		return nil
	}
	return failure
}
