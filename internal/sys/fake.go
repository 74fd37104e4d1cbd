package sys

import (
	"context"
	"fmt"
	"slices"
)

// Fake is the System of unit tests. It is strict: the test fails on a command that is
// unexpected or out of order, and on an expected one that does not run.
type Fake struct {
	Silent
	t        reporter
	expected []*Call
	undo     []Cmd

	Ran     []Cmd      // every command, in order
	Logged  []string   // Log and Warn
	Reports []Progress // Progress
	Waits   []Waiting  // Waiting
}

// Call is one expected command and what it does.
type Call struct {
	argv   []string
	stdout string
	stderr []string
	err    error
}

// reporter is the part of testing.TB that Fake uses. The program does not link testing.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Cleanup(f func())
}

// NewFake returns a Fake that expects nothing yet.
func NewFake(t reporter) *Fake {
	f := &Fake{t: t}
	t.Cleanup(func() {
		for _, c := range f.expected {
			t.Errorf("expected command did not run: %s", Quote(c.argv))
		}
	})
	return f
}

// Expect adds a command to the expected ones. It succeeds and prints nothing unless
// the returned Call says otherwise.
func (f *Fake) Expect(argv ...string) *Call {
	c := &Call{argv: argv}
	f.expected = append(f.expected, c)
	return c
}

func (c *Call) Prints(stdout string) *Call { c.stdout = stdout; return c }

func (c *Call) Says(lines ...string) *Call { c.stderr = lines; return c }

// Fails makes the command end with this exit code and this last line.
func (c *Call) Fails(exit int, last string) *Call {
	c.err = &ExitError{Argv: c.argv, Exit: exit, Tail: []string{last}}
	return c
}

func (f *Fake) run(c Cmd) *Call {
	f.t.Helper()
	f.Ran = append(f.Ran, c)
	if len(f.expected) == 0 || !slices.Equal(f.expected[0].argv, c.Argv) {
		f.t.Errorf("unexpected command: %s", Quote(c.Argv))
		return &Call{err: fmt.Errorf("unexpected command %s", c.Argv[0])}
	}
	call := f.expected[0]
	f.expected = f.expected[1:]
	return call
}

func (f *Fake) Run(_ context.Context, c Cmd) error {
	f.t.Helper()
	return f.run(c).err
}

func (f *Fake) Output(_ context.Context, c Cmd) ([]byte, error) {
	f.t.Helper()
	call := f.run(c)
	return []byte(call.stdout), call.err
}

func (f *Fake) Lines(_ context.Context, c Cmd, each func(string)) error {
	f.t.Helper()
	call := f.run(c)
	for _, l := range call.stderr {
		each(l)
	}
	return call.err
}

func (f *Fake) Do(ctx context.Context, c, undo Cmd) error {
	f.t.Helper()
	err := f.Run(ctx, c)
	if err == nil {
		f.undo = append(f.undo, undo)
	}
	return err
}

// Unwind runs the undo commands, which must have been expected too.
func (f *Fake) Unwind(ctx context.Context) error {
	f.t.Helper()
	for len(f.undo) > 0 {
		last := f.undo[len(f.undo)-1]
		f.undo = f.undo[:len(f.undo)-1]
		if err := f.Run(ctx, last); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fake) Keep() error {
	f.undo = nil
	return nil
}

func (f *Fake) Log(line string) { f.Logged = append(f.Logged, line) }

func (f *Fake) Warn(line string) { f.Logged = append(f.Logged, line) }

func (f *Fake) Proven(what string) { f.Logged = append(f.Logged, "proven: "+what) }

func (f *Fake) Waiting(w Waiting) { f.Waits = append(f.Waits, w) }

func (f *Fake) Progress(p Progress) { f.Reports = append(f.Reports, p) }
