package engine

import (
	"errors"
	"io"

	"auto-installer/internal/sys"
)

// Plan is an ordered list of steps. Installs and tasks embed it.
type Plan struct {
	Title    string   `json:"title"` // "flashing a.iso to /dev/sdb"
	Warnings []string `json:"warnings"`
	// Notes are shown before the run, and not again at its end.
	Notes []string `json:"notes,omitempty"`
	Steps []Step   `json:"steps"`
	// Host is the host that is installed, and Target the disk that is written to.
	// Each may be empty.
	Host   string `json:"host,omitempty"`
	Target string `json:"target,omitempty"`
	// Resumed: an earlier install has written to the disk already.
	Resumed bool `json:"resumed,omitempty"`

	// Head are the first lines of the dry run, in place of the title. Gate is its line
	// between checks and writes. Each may be empty.
	Head []string `json:"-"`
	Gate string   `json:"-"`
}

// Job is an install or a task. Every type that embeds a Plan implements it, and
// overrides what differs.
type Job interface {
	plan() *Plan
	// Wrote is called after each step that writes or proves.
	Wrote(e *Engine, s Step) error
	// Failed is called after a step has failed, before anything is unmounted.
	Failed(e *Engine, s Step, code sys.Code)
	// Stopped chooses the error of a step that failed with err after the operator
	// stopped it.
	Stopped(err, stop error) error
	// Close releases what the plan holds.
	Close() error
}

func (p *Plan) plan() *Plan { return p }

// Wrote implements Job.
func (p *Plan) Wrote(*Engine, Step) error { return nil }

// Failed implements Job.
func (p *Plan) Failed(*Engine, Step, sys.Code) {}

// Close implements Job.
func (p *Plan) Close() error { return nil }

// Stopped implements Job. A step that could not undo its writes returns a fault of
// CodeWritten; the operator must see that one.
func (p *Plan) Stopped(err, stop error) error {
	if f, ok := errors.AsType[*sys.Fault](err); ok && f.Code == sys.CodeWritten && !errors.Is(err, stop) {
		return err
	}
	return stop
}

// Task is a plan of the build machine.
type Task struct {
	Plan
	// Shared lets several tasks of the same name run at once.
	Shared bool `json:"-"`
	// Holds are closed when the task ends: a lock, a disk.
	Holds []io.Closer `json:"-"`
}

// NewTask returns a task of these steps.
func NewTask(title string, list ...Step) *Task {
	return &Task{Plan: Plan{Title: title, Warnings: []string{}, Steps: list}}
}

// Close implements Job.
func (t *Task) Close() (err error) {
	for _, h := range t.Holds {
		err = errors.Join(err, h.Close())
	}
	return err
}
