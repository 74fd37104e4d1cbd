package engine

import (
	"errors"
	"fmt"
	"syscall"

	"auto-installer/internal/sys"
)

// Code is an exit code of the program.
type Code = sys.Code

// Error is what the operator sees when something fails.
type Error struct {
	Step  Name   `json:"step,omitempty"`
	Cause string `json:"cause"`
	Hint  string `json:"hint,omitempty"`
	Code  Code   `json:"code"`
}

func (e *Error) Error() string {
	if e.Step == "" {
		return e.Cause
	}
	return string(e.Step) + ": " + e.Cause
}

// NewError turns any error into an Error. A Fault keeps its hint and code.
func NewError(step Name, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if s, ok := errors.AsType[Stopped](err); ok {
		return &Error{Step: step, Cause: s.Error(), Hint: "run the same command again when you are ready", Code: Code(128 + int(s.Signal))}
	}
	e := &Error{Step: step, Cause: err.Error(), Code: sys.CodeUnexpected}
	if f, ok := errors.AsType[*sys.Fault](err); ok {
		e.Cause, e.Hint, e.Code = f.Cause, f.Hint, f.Code
	}
	return e
}

// codeOf returns the exit code of an error, or CodeOK for nil.
func codeOf(err error) Code {
	if err == nil {
		return sys.CodeOK
	}
	return NewError("", err).Code
}

// IsBusy returns whether err says that another install is running.
func IsBusy(err error) bool { return codeOf(err) == sys.CodeBusy }

// IsUsage returns whether err is that of a wrong answer or flag.
func IsUsage(err error) bool { return codeOf(err) == sys.CodeUsage }

// IsUnproven returns whether err says that everything was written and a proof failed.
func IsUnproven(err error) bool { return codeOf(err) == sys.CodeBootProof }

// IsStopped returns whether a signal stopped the run.
func IsStopped(err error) bool {
	code := codeOf(err)
	return code == sys.CodeInterrupt || code == sys.CodeTerminated
}

// Usage returns the error of a wrong flag or answer.
func Usage(hint, format string, args ...any) *Error {
	return &Error{Cause: fmt.Sprintf(format, args...), Hint: hint, Code: sys.CodeUsage}
}

// Stopped is the cause of a context that a signal cancelled.
type Stopped struct{ Signal syscall.Signal }

func (s Stopped) Error() string { return "stopped by " + s.Signal.String() }
