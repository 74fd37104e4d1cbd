// Package steps holds the plans and the runner that executes them. A plan is
// an ordered list of steps; each step is a package of its own below this one.
//
// The screens, the headless commands and the tests see only this package.
package steps

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Step is one entry of a plan.
type Step struct {
	Name    string   `json:"name"`
	Does    string   `json:"does"`   // one line for the operator
	Writes  bool     `json:"writes"` // after the gate: it changes the disk
	Actions []Action `json:"actions"`
	// Again: an earlier install has finished it, and this is what is left of it.
	Again bool `json:"again,omitempty"`

	run   func(context.Context, sys.System) error
	again func(Step) Step // what is left of it when it was done before
	// mounts are the mount points that the steps after it find.
	mounts []string
}

// again is what to do instead of a step that an earlier engine has finished.
// A step without it is simply run once more.
func again[O any](s Step, o O, actions func(O) []sys.Action, run func(context.Context, sys.System, O) error) Step {
	s.again = func(s Step) Step {
		s.Does, s.Again = s.Does+" (already done)", true
		s.Actions = actions(o)
		s.run = func(ctx context.Context, m sys.System) error { return run(ctx, m, o) }
		return s
	}
	return s
}

// step makes a Step of a step package: its two functions and its options.
func step[O any](name, does string, writes bool, o O,
	actions func(O) []sys.Action, run func(context.Context, sys.System, O) error,
) Step {
	return Step{
		Name: name, Does: does, Writes: writes, Actions: actions(o),
		run: func(ctx context.Context, s sys.System) error { return run(ctx, s, o) },
	}
}

// guarded makes a step run its commands on the disk that the gate has held, and
// on no other: see block.Held. mounted are the mount points of its file systems
// that the step finds.
func guarded(s Step, held *block.Held, mounted ...string) Step {
	run, again := s.run, s.again
	s.run = func(ctx context.Context, m sys.System) error {
		if err := held.Identify(); err != nil {
			return err
		}
		if err := held.Mounted(mounted...); err != nil {
			return err
		}
		return run(ctx, held.Guard(m))
	}
	if again != nil {
		s.again = func(s Step) Step { return guarded(again(s), held, mounted...) }
	}
	return s
}

// Action is one thing a step will do: a command line, or something done in
// process.
type Action = sys.Action

// Progress is how far a step is.
type Progress = sys.Progress

// Waiting is what a step needs of the operator.
type Waiting = sys.Waiting

// Code is an exit code of the program.
type Code = sys.Code

// Codes lists every exit code with its meaning.
var Codes = sys.Codes

// Error is what the operator is told when something fails.
type Error struct {
	Step  string `json:"step,omitempty"`
	Cause string `json:"cause"`
	Hint  string `json:"hint,omitempty"`
	Code  Code   `json:"code"`
}

func (e *Error) Error() string {
	if e.Step == "" {
		return e.Cause
	}
	return e.Step + ": " + e.Cause
}

// NewError makes an Error of any error. A fault keeps its hint and code.
func NewError(step string, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if s, ok := errors.AsType[Stopped](err); ok {
		return &Error{Step: step, Cause: s.Error(), Hint: "run the same command again when you are ready", Code: s.code()}
	}
	e := &Error{Step: step, Cause: err.Error(), Code: sys.CodeUnexpected}
	if f, ok := errors.AsType[*sys.Fault](err); ok {
		e.Cause, e.Hint, e.Code = f.Cause, f.Hint, f.Code
	}
	return e
}

// IsBusy tells whether an error is that another install runs.
func IsBusy(err error) bool { return err != nil && NewError("", err).Code == sys.CodeBusy }

// IsUsage tells whether an error is that of a wrong answer.
func IsUsage(err error) bool { return err != nil && NewError("", err).Code == sys.CodeUsage }

// IsUnproven tells whether an error is that everything was written, and that not
// all of it could be proven.
func IsUnproven(err error) bool { return err != nil && NewError("", err).Code == sys.CodeBootProof }

// IsStopped tells whether an error is that a signal stopped it.
func IsStopped(err error) bool {
	if err == nil {
		return false
	}
	code := NewError("", err).Code
	return code == sys.CodeInterrupt || code == sys.CodeTerminated
}

// Usage is an error of a flag or an answer.
func Usage(hint, format string, args ...any) *Error {
	return &Error{Cause: fmt.Sprintf(format, args...), Hint: hint, Code: sys.CodeUsage}
}

// Stopped is the cause of a context that a signal cancelled.
type Stopped struct{ Signal syscall.Signal }

func (s Stopped) Error() string { return "stopped by " + s.Signal.String() }

func (s Stopped) code() Code { return Code(128 + int(s.Signal)) }
