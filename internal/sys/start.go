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

// tailLines is how many of the last lines an ExitError has.
const tailLines = 20

// start runs c in a session of its own, so that cancelling ends its children too. It
// logs each line of standard output, or writes it to stdout. It passes each line of
// standard error to onErr, or logs it.
func (m *Machine) start(ctx context.Context, c Cmd, stdout io.Writer, onErr func(string)) error {
	if !c.Quiet {
		m.Command(c)
	}
	ctx, heard, deaf := listen(ctx, c)
	defer deaf()
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdin = bytes.NewReader(c.Stdin)
	// A session of its own: signals reach all of its processes, none can ask on the
	// terminal, and the next start finds those that a killed program left.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	as, finished, err := asOwner(cmd, c.Owner)
	defer finished()
	if err != nil {
		return notStarted{fmt.Errorf("running %s as the owner of %s: %w", c.Argv[0], c.Owner, err)}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = m.Grace
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 5 * time.Second
	}

	var tail []string
	var mu sync.Mutex // one line at a time, from either stream
	feed := func(to func(string)) *lineWriter {
		return &lineWriter{most: maxLine, each: func(line string) {
			mu.Lock()
			defer mu.Unlock()
			heard()
			tail = append(tail[max(0, len(tail)-tailLines+1):], Clean(line[:min(len(line), maxLine)]))
			to(line)
		}}
	}
	errLines := feed(m.printed)
	if onErr != nil {
		errLines = feed(onErr)
		errLines.most, errLines.cut = MaxMessage, true
	}
	cmd.Stderr = errLines
	outLines := feed(m.printed)
	cmd.Stdout = outLines
	if stdout != nil {
		cmd.Stdout = stdout
	}

	if c.Extra != nil {
		r, err := filled(c.Extra)
		if err != nil {
			return err
		}
		defer r.Close()
		cmd.ExtraFiles = []*os.File{r}
	}
	err = cmd.Start()
	if err == nil {
		m.Sessions.add(cmd.Process.Pid)
		err = cmd.Wait()
		m.Sessions.remove()
	}
	outLines.flush()
	errLines.flush()
	if cmd.Process != nil && ctx.Err() != nil {
		// Kill what is left of the session after the grace period.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if cmd.Process == nil {
		return notStarted{exitError(ctx, c, err, nil)}
	}
	if errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
		// It succeeded and left a daemon behind. That is an error only for Output,
		// which must return everything.
		const held = "has ended, but a process that it started still has its output open"
		if stdout != nil {
			return fmt.Errorf("%s %s", c.Argv[0], held)
		}
		m.Log(c.Argv[0] + " " + held)
		return nil
	}
	err = exitError(ctx, c, err, tail)
	if exit, ok := errors.AsType[*ExitError](err); ok {
		exit.As = as
	}
	return err
}

// listen ends a command that prints nothing for too long. The caller calls heard at
// each line and deaf at the end.
func listen(ctx context.Context, c Cmd) (_ context.Context, heard, deaf func()) {
	if c.Silence == 0 {
		return ctx, func() {}, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.Silence, func() {
		cancel(fmt.Errorf("ended %s: it printed nothing for %v", c.Argv[0], c.Silence))
	})
	return ctx, func() { timer.Reset(c.Silence) }, func() { timer.Stop(); cancel(nil) }
}

// notStarted is the error of a command that did not start.
type notStarted struct{ error }

func (e notStarted) Unwrap() error { return e.error }

// filled returns a pipe that holds data. A pipe holds at least 4 KiB (pipe(7)), so writing
// less never blocks.
func filled(data []byte) (*os.File, error) {
	if len(data) > 4096 {
		return nil, errors.New("more than 4096 bytes for descriptor 3")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = w.Write(data)
	return r, errors.Join(err, w.Close())
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

// limited keeps at most max bytes and notes whether there were more. It does not embed
// the buffer, because io.Copy would call its ReadFrom in place of Write.
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
