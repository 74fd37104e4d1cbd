package sys

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Fault is an error that says what failed and what to do now. Cause and Hint
// start lower case and have no full stop at the end.
type Fault struct {
	Cause string
	Hint  string
	Code  Code
	Err   error // what lies below, for errors.Is; not printed
}

func (f *Fault) Error() string { return f.Cause }

func (f *Fault) Unwrap() error { return f.Err }

// Code is the program's exit code. The table in the README is made from here.
type Code int

// Exit codes. A code from CodeWritten on means that the disk was written to.
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
	{CodeUnexpected, "something unexpected failed; nothing was written to a disk"},
	{CodeUsage, "a flag or an answer is wrong or missing, `--confirm yes` or the passphrase among them"},
	{CodeHost, "the host is unknown or its host.toml is invalid"},
	{CodeDisk, "no disk can be chosen without asking, or the named disk is refused"},
	{CodeMachine, "the machine does not fit: no UEFI, not root, too little memory, disk too small, a command missing"},
	{CodeSource, "the system to install cannot be had: no network, clone or evaluation failed, closure missing, image damaged"},
	{CodeContract, "the host's own configuration does not fit what would be created, or its age identity does not open its secrets"},
	{CodeBusy, "another install is running on this machine, or `rekey` or `new-host` in the same repo"},
	{CodeGate, "the disk is no longer the one that was confirmed, or is in use"},
	{CodeWritten, "a step failed after the first write: the disk is incomplete, start again"},
	{CodeBootProof, "everything was written, but the boot chain, or that the secrets open, could not be proven"},
	{CodeInterrupt, "stopped by Ctrl+C (SIGINT); everything undone and unmounted, or a warning says what is not"},
	{CodeTerminated, "stopped by SIGTERM; everything undone and unmounted, or a warning says what is not"},
}

// Faultf makes a Fault with a formatted cause. A %w in it is unwrapped.
func Faultf(code Code, hint, format string, args ...any) *Fault {
	err := fmt.Errorf(format, args...)
	return &Fault{Cause: err.Error(), Hint: hint, Code: code, Err: errors.Unwrap(err)}
}

// WithHint puts words and a hint before an error. A Fault below keeps its own
// hint and code: whoever was nearest to the trouble knows best.
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

// Incomplete is WithHint for a failure after the first write that only a new
// start mends.
func Incomplete(err error, what string) *Fault {
	return WithHint(err, CodeWritten, "the log says why; mend that, then try again", what)
}

// ExitError is a command that ran and failed.
type ExitError struct {
	Argv   []string
	Exit   int      // exit code, or -1 if a signal ended it
	Signal string   // the signal's name, or empty
	Tail   []string // its last lines of output
	As     string   // the user that it ran as, if that was not the program's own
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

// maxWhy is how much of a command's words an error shows, in bytes. The log has
// all of them.
const maxWhy = 600

// Shorten cuts a text that has more than most bytes.
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

// why is the line that most likely says why a command failed: the last one with
// "error" or git's "fatal" in it, after which advice may stand, or else the last
// that is not blank. When git could not read from the remote, the other side or
// ssh said why before.
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
