package sys

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"
)

// Fault is an error that says what failed and what to do now. Cause and Hint start in
// lower case and have no full stop at the end.
type Fault struct {
	Step  string `json:"step,omitempty"` // of the plan, or empty
	Cause string `json:"cause"`
	Hint  string `json:"hint,omitempty"`
	Code  Code   `json:"code"`
	Err   error  `json:"-"` // the error below, for errors.Is; not printed
}

func (f *Fault) Error() string {
	if f.Step == "" {
		return f.Cause
	}
	return f.Step + ": " + f.Cause
}

func (f *Fault) Unwrap() error { return f.Err }

// Code is the program's exit code.
type Code int

// Exit codes. From CodeWritten on, the disk was written to.
const (
	CodeOK         Code = 0
	CodeUnexpected Code = 1
	CodeUsage      Code = 2
	CodeHost       Code = 3
	CodeDisk       Code = 4
	CodeMachine    Code = 5
	CodeSource     Code = 6
	CodeContract   Code = 7
	CodeBusy       Code = 8
	CodeGate       Code = 9
	CodeWritten    Code = 10
	CodeBootProof  Code = 11
	CodeInterrupt  Code = 130
	CodeTerminated Code = 143
)

// Codes lists every exit code with its meaning, in order.
var Codes = []struct {
	Code    Code
	Meaning string
}{
	{CodeOK, "done"},
	{CodeUnexpected, "an unexpected error; nothing was written to a disk"},
	{CodeUsage, "a flag or an answer is wrong or missing (also `--confirm yes`, or the passphrase)"},
	{CodeHost, "the host is unknown or its host.toml is invalid"},
	{CodeDisk, "no disk was named and none is clearly the best, or the named disk is refused"},
	{CodeMachine, "the machine is unsuitable: no UEFI, not root, too little memory, disk too small, a command missing"},
	{CodeSource, "the system to install is not available: no network, clone or evaluation failed, closure missing, image damaged"},
	{CodeContract, "the host's configuration does not match the layout, or its age identity does not decrypt its secrets"},
	{CodeBusy, "another install is running on this machine, or `rekey` or `new-host` in the same repo"},
	{CodeGate, "the disk is no longer the confirmed one, or is in use"},
	{CodeWritten, "a step failed after the first write: the disk is incomplete; run the install again"},
	{CodeBootProof, "everything was written, but a proof failed: of the boot chain, or that the secrets decrypt"},
	{CodeInterrupt, "stopped by Ctrl+C (SIGINT); everything is undone and unmounted, or a warning names what is not"},
	{CodeTerminated, "stopped by SIGTERM; everything is undone and unmounted, or a warning names what is not"},
}

// Faultf makes a Fault with a formatted cause. It unwraps to the error of a %w.
func Faultf(code Code, hint, format string, args ...any) *Fault {
	err := fmt.Errorf(format, args...)
	return &Fault{Cause: err.Error(), Hint: hint, Code: code, Err: errors.Unwrap(err)}
}

// Usage returns the fault of a wrong flag or answer.
func Usage(hint, format string, args ...any) *Fault {
	return Faultf(CodeUsage, hint, format, args...)
}

// Stopped is the cause of a context that a signal cancelled.
type Stopped struct{ Signal syscall.Signal }

func (s Stopped) Error() string { return "stopped by " + s.Signal.String() }

// AsFault turns any error into what the operator sees: the Fault in it, if there is one.
func AsFault(err error) *Fault {
	if s, ok := errors.AsType[Stopped](err); ok {
		return &Fault{Cause: s.Error(), Hint: "run the same command again when you are ready", Code: Code(128 + int(s.Signal))}
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return &Fault{Cause: err.Error(), Code: CodeUnexpected, Err: err}
}

// CodeOf returns the exit code of an error, or CodeOK for nil.
func CodeOf(err error) Code {
	if err == nil {
		return CodeOK
	}
	return AsFault(err).Code
}

// WithHint puts words and a hint before an error. A Fault below keeps its own hint and
// code, because it is nearest to the fault.
func WithHint(err error, code Code, hint, what string) *Fault {
	f := &Fault{Cause: what + ": " + err.Error(), Hint: hint, Code: code, Err: err}
	if below, ok := errors.AsType[*Fault](err); ok {
		if below.Hint != "" {
			f.Hint = below.Hint
		}
		if below.Code != CodeOK {
			f.Code = below.Code
		}
	}
	return f
}

// Together is one fault for several that are reported together: every cause, every hint
// once, and the code of the first.
func Together(faults []*Fault, between string) *Fault {
	var causes, hints []string
	var errs []error
	for _, f := range faults {
		causes, errs = append(causes, f.Cause), append(errs, f)
		if f.Hint != "" && !slices.Contains(hints, f.Hint) {
			hints = append(hints, f.Hint)
		}
	}
	return &Fault{Cause: strings.Join(causes, between), Hint: strings.Join(hints, "; "), Code: faults[0].Code, Err: errors.Join(errs...)}
}

// Incomplete is WithHint for a failure after the first write. The operator has to run
// the install again.
func Incomplete(err error, what string) *Fault {
	return WithHint(err, CodeWritten, "the log says why; fix it, then run the same command again", what)
}

type ExitError struct {
	Argv   []string
	Exit   int      // exit code, or -1 if a signal ended it
	Signal string   // the signal's name, or empty
	Tail   []string // its last lines of output
	As     string   // the user that it ran as, if it was another one
}

func (e *ExitError) Error() string {
	how := fmt.Sprintf("exit code %d", e.Exit)
	if e.Signal != "" {
		how = e.Signal
	}
	s := fmt.Sprintf("%s failed (%s)", e.Argv[0], how)
	if e.As != "" {
		s = fmt.Sprintf("%s, run as the folder's owner %s, failed (%s)", e.Argv[0], e.As, how)
	}
	if why := why(e.Tail); why != "" {
		s += ": " + Shorten(why, maxWhy)
	}
	return s
}

// maxWhy bounds how much of a command's output an error shows, in bytes. The log has
// all of it.
const maxWhy = 600

// Shorten cuts a text to at most most bytes.
func Shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// why returns the line that most likely says why a command failed: the last one with
// "error" or git's "fatal" in it (advice may follow it), or else the last one that is
// not blank. When git could not read from the remote, ssh or the remote has said why
// before.
func why(lines []string) string {
	last := ""
	for i, l := range slices.Backward(lines) {
		l = strings.TrimSpace(l)
		low := strings.ToLower(l)
		switch {
		case strings.HasPrefix(l, "fatal: Could not read from remote repository"):
			return cmp.Or(why(lines[:i]), l)
		case strings.Contains(low, "error"), strings.HasPrefix(low, "fatal:"):
			return l
		case last == "":
			last = l
		}
	}
	return last
}
