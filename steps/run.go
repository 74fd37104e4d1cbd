package steps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"auto-installer/internal/sys"
	"auto-installer/steps/finish"
)

// RunDir is where an engine keeps its state. It is in memory.
const RunDir = "/run/auto-installer"

// Paths are the files of one engine.
type Paths struct {
	Dir    string // lock, undo list, clone
	Events string
	Log    string
}

// DefaultPaths are those below RunDir.
func DefaultPaths() Paths {
	return Paths{
		Dir:    RunDir,
		Events: filepath.Join(RunDir, "events.jsonl"),
		Log:    filepath.Join(RunDir, "install.log"),
	}
}

// Engine runs one plan. There is one a machine at a time.
type Engine struct {
	paths   Paths
	lock    *os.File
	sink    *sink
	machine *sys.Machine
	began   time.Time
	unkept  bool // it was said that the journal cannot be kept on the ESP

	// LogProblem is why the log is not whole, if it is not; after Close.
	LogProblem error
}

// endTime bounds the ending of what a killed engine left running.
const endTime = 10 * time.Second

// Open takes the machine's lock and undoes what an engine that was killed
// left behind.
func Open(ctx context.Context, p Paths) (*Engine, error) {
	if err := makePrivate(p.Dir); err != nil {
		return nil, noFiles(err)
	}
	lock, err := takeLock(filepath.Join(p.Dir, "lock"))
	if err != nil {
		return nil, noFiles(err)
	}
	e := &Engine{paths: p, lock: lock, began: time.Now()}
	if err := e.open(ctx); err != nil {
		return nil, noFiles(errors.Join(err, lock.Close()))
	}
	return e, nil
}

func (e *Engine) open(ctx context.Context) error {
	var err error
	if e.sink, err = newSink(e.paths.Events, e.paths.Log); err != nil {
		return err
	}
	e.machine, err = cleared(ctx, e.paths, e.sink)
	return err
}

// cleared is the machine after what an engine that was killed left running was
// ended, and what it left mounted or mapped was undone. The lock is held.
func cleared(ctx context.Context, p Paths, r sys.Reporter) (*sys.Machine, error) {
	undos, err := sys.OpenUndoStack(filepath.Join(p.Dir, "undo.json"))
	if err != nil {
		return nil, err
	}
	m := &sys.Machine{Reporter: r, Undos: undos, Sessions: sys.Sessions(filepath.Join(p.Dir, "running"))}
	if n := m.Sessions.End(endTime); n > 0 {
		m.Log(fmt.Sprintf("an earlier run was killed: %d of its processes ended", n))
	}
	if undos.Len() > 0 {
		m.Log("an earlier run was killed: undoing what it left")
		// What is not there any more cannot be undone; whatever is really
		// in the way is found when the disks are looked at.
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

// Run executes the plan and returns an *Error if it fails. Whatever happens,
// nothing stays mounted.
func (e *Engine) Run(ctx context.Context, p *Plan) error {
	defer func() { _ = p.held.Close() }() // nothing of it is left to write
	e.sink.emit(Event{Kind: KindPlan, Plan: p})
	for _, w := range p.Warnings {
		e.sink.Warn(w)
	}
	for _, n := range p.Notes {
		logLines(e.machine, "note: "+n)
	}
	if p.Resumed && p.journal != nil {
		e.sink.Log("continuing what was begun: done are " + p.journal.hasRun())
	}
	for _, step := range p.Steps {
		start := time.Now()
		e.sink.emit(Event{Kind: KindStarted, Step: step.Name})
		if step.Writes && p.journal != nil && len(p.journal.Done) == 0 {
			// A new start, and from here on what was left of another one
			// cannot be continued. Its journal on the disk goes with the table.
			if err := p.journal.drop(e.paths); err != nil {
				return e.fail(ctx, p, step, err)
			}
		}
		if err := step.run(ctx, e.machine); err != nil {
			return e.fail(ctx, p, step, err)
		}
		e.sink.emit(Event{Kind: KindFinished, Step: step.Name, Seconds: time.Since(start).Seconds()})
		if step.Writes && p.journal != nil {
			if err := e.note(p, step.Name); err != nil {
				return e.fail(ctx, p, step, err)
			}
		}
	}
	if p.journal != nil {
		if err := p.journal.drop(e.paths); err != nil {
			e.sink.Warn("the journal stays: " + err.Error())
		}
	}
	return nil
}

// note brings the journal up to date, in memory and, while the target is
// mounted, on its ESP. Without the second an install is only worse off after a
// power cut.
func (e *Engine) note(p *Plan, step string) error {
	if err := p.journal.note(e.paths, step); err != nil {
		return noFiles(err)
	}
	if !e.ownsTarget(p) || !sys.Mounted(filepath.Join(p.root, "boot")).Holds() {
		return nil
	}
	if err := p.journal.keep(filepath.Join(p.root, "boot")); err != nil && !e.unkept {
		e.unkept = true
		e.sink.Warn("the journal cannot be kept on the ESP, so after a power cut the install could not be continued: " + err.Error())
	}
	return nil
}

// ownsTarget tells whether the target is mounted, and by this install.
func (e *Engine) ownsTarget(p *Plan) bool {
	return e.machine.Undos.Holds("umount") && sys.Mounted(p.root).Holds() && p.held.Mounted(p.root) == nil
}

func (e *Engine) fail(ctx context.Context, p *Plan, step Step, err error) error {
	if stop := context.Cause(ctx); stop != nil && (p.journal != nil || !leftWritten(err, stop)) {
		err = stop
	}
	failure := NewError(step.Name, err)
	if (step.Writes || p.Resumed) && failure.Code == sys.CodeUnexpected {
		failure.Code = sys.CodeWritten
	}
	e.sink.emit(Event{Kind: KindFailed, Step: step.Name, Error: failure})
	// Only what this install mounted there is the target, and what it has found
	// to be somebody's by now is none.
	if step.Writes && failure.Code != sys.CodeUsage && e.ownsTarget(p) {
		if err := finish.KeepLogs(e.logs(p)); err != nil {
			e.sink.Log("the log could not be kept on the target: " + err.Error())
		}
	}
	if err := e.machine.Unwind(ctx); err != nil {
		e.sink.Warn("not everything could be let go of, the next start tries again: " + err.Error())
	}
	return failure
}

// leftWritten tells whether a step that was stopped could not take back what it
// had written: that is what one must know then.
func leftWritten(err, stop error) bool {
	fault, ok := errors.AsType[*sys.Fault](err)
	return ok && fault.Code == sys.CodeWritten && !errors.Is(err, stop)
}

func (e *Engine) logs(p *Plan) finish.Options {
	return finish.Options{Root: p.root, Logs: []string{e.paths.Log, e.paths.Events}}
}

// Close tells how it ended, in the last event, and lets go of the lock. It
// returns err as an *Error, or nil. A log that could not be written does not
// make an install fail.
func (e *Engine) Close(err error) error {
	var failure *Error
	exit := sys.CodeOK
	if err != nil {
		failure = NewError("", err)
		exit = failure.Code
	}
	e.sink.emit(Event{Kind: KindEnded, Step: "-", Seconds: time.Since(e.began).Seconds(), Error: failure, Exit: &exit})
	e.LogProblem = errors.Join(e.sink.close(), e.lock.Close())
	if failure == nil {
		return nil
	}
	return failure
}

// Power runs the plan's last command, which ends the machine's session. Call
// it after Close: the log is whole by then.
func Power(ctx context.Context, p *Plan) error {
	if p.power.Argv == nil {
		return nil
	}
	if err := exec.CommandContext(ctx, p.power.Argv[0], p.power.Argv[1:]...).Run(); err != nil {
		return fmt.Errorf("to %s: %w", p.power.Does, err)
	}
	return nil
}
