package sys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Reporter receives what Machine has to tell. Its methods are called from
// several goroutines.
type Reporter interface {
	Command(c Cmd)
	Log(line string)
	Warn(line string)
	Progress(p Progress)
	Waiting(w Waiting)
}

// Silent is a Reporter that tells nobody.
type Silent struct{}

// Command implements Reporter.
func (Silent) Command(Cmd) {}

// Log implements Reporter.
func (Silent) Log(string) {}

// Warn implements Reporter.
func (Silent) Warn(string) {}

// Progress implements Reporter.
func (Silent) Progress(Progress) {}

// Waiting implements Reporter.
func (Silent) Waiting(Waiting) {}

// Machine is the real System.
type Machine struct {
	Reporter Reporter
	Undos    *UndoStack
	Sessions Sessions
	// Grace is how long a command may take to end after SIGTERM, before it is
	// killed. 0 means 5 s.
	Grace time.Duration
}

var _ System = (*Machine)(nil)

// Log implements System.
func (m *Machine) Log(line string) { m.Reporter.Log(Clean(line)) }

// Warn implements System.
func (m *Machine) Warn(line string) { m.Reporter.Warn(Clean(line)) }

// Progress implements System.
func (m *Machine) Progress(p Progress) {
	p.Label = Clean(p.Label)
	m.Reporter.Progress(p)
}

// Waiting implements System.
func (m *Machine) Waiting(w Waiting) {
	w.For = Clean(w.For)
	for i, line := range w.How {
		w.How[i] = Clean(line)
	}
	m.Reporter.Waiting(w)
}

// Run implements System.
func (m *Machine) Run(ctx context.Context, c Cmd) error {
	return m.start(ctx, c, nil, m.Log)
}

// Output implements System.
func (m *Machine) Output(ctx context.Context, c Cmd) ([]byte, error) {
	out := &limited{max: MaxOutput}
	if err := m.start(ctx, c, out, m.Log); err != nil {
		return nil, err
	}
	if out.full {
		return nil, fmt.Errorf("%s printed more than %d MiB", c.Argv[0], MaxOutput>>20)
	}
	return out.buf.Bytes(), nil
}

// Lines implements System.
func (m *Machine) Lines(ctx context.Context, c Cmd, each func(string)) error {
	return m.start(ctx, c, nil, each)
}

// Do implements System.
func (m *Machine) Do(ctx context.Context, c, undo Cmd) error {
	if err := m.Undos.push(undo); err != nil {
		return err
	}
	err := m.Run(ctx, c)
	_, failed := errors.AsType[*ExitError](err)
	_, never := errors.AsType[notStarted](err)
	if failed || never {
		return errors.Join(err, m.Undos.remove(undo))
	}
	return err // done, or stopped in the middle
}

// Unwind implements System. It is not to be cancelled: whoever stops an
// install wants it let go of. What one command failed at does not keep the
// next from being tried, and stays in the list for the next start.
func (m *Machine) Unwind(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, c := range m.Undos.newestFirst() {
		if err := m.undo(ctx, c); err != nil {
			errs = append(errs, err)
			continue
		}
		if err := m.Undos.remove(c); err != nil { // done once more, it does no harm
			m.Log("the list of what is to be undone cannot be kept: " + err.Error())
		}
	}
	return errors.Join(errs...)
}

// Keep implements System.
func (m *Machine) Keep() error { return m.Undos.clear() }

// undo runs an undo command. What became of it counts, not what it says: an
// umount that took too long, with much to write, may have done it all the same.
func (m *Machine) undo(ctx context.Context, c Cmd) error {
	ctx, cancel := context.WithTimeout(ctx, undoTime)
	defer cancel()
	if !c.While.Holds() {
		return nil
	}
	return Patiently(ctx, func() error {
		err := m.Run(ctx, c)
		switch still := c.While == "" || c.While.Holds(); {
		case err != nil && !still:
			return nil
		case err == nil && still && c.While != "": // one of two, perhaps
			return fmt.Errorf("after %s: still %s", c.Argv[0], c.While)
		}
		return err
	})
}

// undoTime is how long an undo command may take, with all its tries.
const undoTime = 2 * time.Minute

// Patiently tries something again that fails while others use a file system:
// the children of a command that was stopped may take a moment to let go.
func Patiently(ctx context.Context, try func() error) error {
	const tries, pause = 6, 500 * time.Millisecond
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == tries || ctx.Err() != nil {
			return err
		}
		time.Sleep(pause)
	}
}

// tailLines is how many last lines an ExitError carries.
const tailLines = 20

// start runs c in a session of its own, so that cancelling ends its
// children too. If stdout is nil, standard output is logged by line; standard
// error goes to onErr by line.
func (m *Machine) start(ctx context.Context, c Cmd, stdout io.Writer, onErr func(string)) error {
	if !c.Quiet {
		m.Reporter.Command(c)
	}
	ctx, heard, deaf := listen(ctx, c)
	defer deaf()
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdin = bytes.NewReader(c.Stdin)
	// A session of its own: signals reach all of it, no terminal can ask
	// anything, and what a killed program left running can be found again.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = m.Grace
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 5 * time.Second
	}

	tail := &tail{}
	var mu sync.Mutex // one line at a time, whichever stream it comes from
	feed := func(to func(string)) *lineWriter {
		return &lineWriter{each: func(line string) {
			mu.Lock()
			defer mu.Unlock()
			heard()
			tail.add(line)
			to(line)
		}}
	}
	errLines := feed(onErr)
	cmd.Stderr = errLines
	outLines := feed(m.Log)
	cmd.Stdout = outLines
	if stdout != nil {
		cmd.Stdout = stdout
	}

	feedExtra, err := extra(cmd, c.Extra)
	if err != nil {
		return err
	}
	err = cmd.Start()
	feedExtra(err == nil)
	if err == nil {
		m.Sessions.add(cmd.Process.Pid)
		err = cmd.Wait()
		m.Sessions.remove()
	}
	outLines.flush()
	errLines.flush()
	if cmd.Process != nil && ctx.Err() != nil {
		// What did not end by itself within the grace period.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if cmd.Process == nil {
		return notStarted{exitError(ctx, c, err, nil)}
	}
	if errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
		// It succeeded and left a daemon behind. What Output returns must be
		// whole, though.
		const held = "has ended, and something that it started still holds its output"
		if stdout != nil {
			return fmt.Errorf("%s %s", c.Argv[0], held)
		}
		m.Log(c.Argv[0] + " " + held)
		return nil
	}
	return exitError(ctx, c, err, tail.lines)
}

// listen ends a command that is silent for too long: heard is to be called at
// each line, deaf at the end.
func listen(ctx context.Context, c Cmd) (_ context.Context, heard, deaf func()) {
	if c.Silence == 0 {
		return ctx, func() {}, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.Silence, func() {
		cancel(fmt.Errorf("%s has printed nothing for %v, and was ended", c.Argv[0], c.Silence))
	})
	return ctx, func() { timer.Reset(c.Silence) }, func() { timer.Stop(); cancel(nil) }
}

// notStarted is the error of a command that never ran.
type notStarted struct{ error }

func (e notStarted) Unwrap() error { return e.error }

// extra gives data to the command at descriptor 3. The returned function is to
// be called after the start, with whether there was one. A pipe holds 4 KiB at
// the least (pipe(7)), so writing less never waits.
func extra(cmd *exec.Cmd, data []byte) (func(started bool), error) {
	if data == nil {
		return func(bool) {}, nil
	}
	if len(data) > 4096 {
		return nil, errors.New("more than 4096 bytes for descriptor 3")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{r}
	return func(started bool) {
		if started {
			_, _ = w.Write(data) // a command that does not read it will say so
		}
		_ = errors.Join(w.Close(), r.Close())
	}, nil
}

func exitError(ctx context.Context, c Cmd, err error, tail []string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fmt.Errorf("starting %s: %w", c.Argv[0], err)
	}
	e := &ExitError{Argv: c.Argv, Exit: exit.ExitCode(), Tail: tail}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.Signal = ws.Signal().String()
	}
	return e
}

type tail struct{ lines []string }

func (t *tail) add(line string) {
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, Clean(line))
}

// limited keeps at most max bytes and notes if there were more. The buffer is
// not embedded: its ReadFrom would be taken instead of Write.
type limited struct {
	buf  bytes.Buffer
	max  int
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.full = l.full || l.buf.Len()+len(p) > l.max; l.full {
		return len(p), nil
	}
	return l.buf.Write(p)
}
