package engine

import (
	"errors"
	"io"

	"auto-installer/internal/sys"
)

// Plan is what will be done, in order. Installs and tasks have it in common.
type Plan struct {
	Title    string   `json:"title"` // "flashing a.iso to /dev/sdb"
	Warnings []string `json:"warnings"`
	// Notes are for before the run: nobody needs to read them at its end.
	Notes []string `json:"notes,omitempty"`
	Steps []Step   `json:"steps"`
	// Host is the host that the plan is about, and Target the disk that it writes
	// to; each may be empty.
	Host   string `json:"host,omitempty"`
	Target string `json:"target,omitempty"`
	// Resumed: an earlier install has written to the disk already.
	Resumed bool `json:"resumed,omitempty"`
}

// Job is a plan with what belongs to its kind. Every type that embeds a Plan is
// one; an install overrides what it needs.
type Job interface {
	plan() *Plan
	// Head is what the plan is about, in lines.
	Head() []string
	// Gate is the line between the steps that check and those that write, or
	// empty.
	Gate() string
	// BeforeWrite is called before the first step that writes, unless the plan is
	// resumed.
	BeforeWrite(e *Engine) error
	// Wrote is called after each step that writes or proves.
	Wrote(e *Engine, s Step) error
	// Failed is called after a step has failed, before anything is unmounted.
	Failed(e *Engine, s Step, code Code)
	// Stopped is the error of a step that failed with err after the operator's
	// stop.
	Stopped(err, stop error) error
	// Done is called when every step has succeeded.
	Done(e *Engine)
	// Close releases what the plan holds.
	Close() error
}

func (p *Plan) plan() *Plan { return p }

// Head implements Job.
func (p *Plan) Head() []string { return []string{p.Title} }

// Gate implements Job.
func (p *Plan) Gate() string { return "" }

// BeforeWrite implements Job.
func (p *Plan) BeforeWrite(*Engine) error { return nil }

// Wrote implements Job.
func (p *Plan) Wrote(*Engine, Step) error { return nil }

// Failed implements Job.
func (p *Plan) Failed(*Engine, Step, Code) {}

// Done implements Job.
func (p *Plan) Done(*Engine) {}

// Close implements Job.
func (p *Plan) Close() error { return nil }

// Stopped implements Job: a step that could not undo what it had written says
// so, for that is what the operator must know then.
func (p *Plan) Stopped(err, stop error) error {
	if f, ok := errors.AsType[*sys.Fault](err); ok && f.Code == sys.CodeWritten && !errors.Is(err, stop) {
		return err
	}
	return stop
}

// Task is a plan of the build machine.
type Task struct {
	Plan
	// Shared: several tasks of its name may run at once.
	Shared bool `json:"-"`
	// Holds are closed when the task has ended: a lock, a disk.
	Holds []io.Closer `json:"-"`
}

// NewTask makes a task of steps.
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
