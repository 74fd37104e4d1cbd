package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

// Process starts and follows engines for the screens. An engine is the headless
// program in a process of its own. Screens know it by its files only, so other screens can
// take over.
type Process struct{ Paths engine.Paths }

// engineStart bounds how long an engine may take to create its events file.
const engineStart = time.Minute

// Running returns whether an engine holds the machine's lock.
func (p *Process) Running() bool {
	f, err := os.Open(filepath.Join(p.Paths.Dir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	if !errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return false
	}
	// PutAway holds the lock too, but its process id is not in the file.
	pid, err := p.holder()
	return err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// Attached returns whether there is an engine to show, running or ended.
func (p *Process) Attached() bool {
	if p.Running() {
		return true
	}
	_, err := os.Stat(p.Paths.Events)
	return err == nil
}

// PutAway removes the events of an engine that has ended. If it was killed, PutAway also
// runs its undo list; otherwise the disk would still be in use. It holds the lock, so it
// never removes what another console has just started.
func (p *Process) PutAway() error {
	lock, err := engine.HoldLock(filepath.Join(p.Paths.Dir, "lock"), 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // there was no engine
	case errors.Is(err, unix.EWOULDBLOCK):
		return sys.Faultf(sys.CodeBusy, "stop the install first", "an install is running")
	case err != nil:
		return err
	}
	defer lock.Close()
	if _, err := engine.Cleared(context.Background(), p.Paths, sys.Silent{}); err != nil {
		return err
	}
	if err := os.Remove(p.Paths.Events); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Start starts an engine in a session of its own, so that it outlives the screens and their
// terminal. It returns when the engine's events can be followed, or with the error that
// kept it from starting: CodeBusy if another one runs. The engine gets the parts of
// steps.Answers.Handover.
func (p *Process) Start(parts [][]byte) error {
	if err := p.PutAway(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "engine")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stderr := &bytes.Buffer{}
	cmd.Stderr = stderr
	writers, err := pipes(cmd, parts)
	if err == nil {
		err = cmd.Start()
	}
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	for i, w := range writers {
		if err == nil {
			_, err = w.Write(parts[i])
		}
		w.Close()
	}
	if err != nil {
		return fmt.Errorf("starting the install: %w", err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }() // its events say how it ended
	return p.awaitEvents(cmd, exited, stderr)
}

// awaitEvents waits until the engine has created its events. If another console started one
// first, the events are those of the other, and this engine ends by itself.
func (p *Process) awaitEvents(started *exec.Cmd, exited <-chan struct{}, stderr *bytes.Buffer) error {
	ready := func() bool {
		pid, err := p.holder()
		_, missing := os.Stat(p.Paths.Events)
		return err == nil && missing == nil && pid == started.Process.Pid
	}
	deadline := time.After(engineStart)
	for {
		if ready() {
			return nil
		}
		select {
		case <-exited:
			if ready() {
				return nil
			}
			return spoken(stderr.String(), started.ProcessState.ExitCode())
		case <-deadline:
			return sys.Faultf(sys.CodeUnexpected, "look for errors on tty2 (Alt+F2)", "the install did not start within %v", engineStart)
		case <-time.After(engine.FollowEvery):
		}
	}
}

// spoken makes an Error from a program's standard error and its exit code.
func spoken(text string, code int) error {
	e := &sys.Fault{Cause: "the install ended immediately", Code: sys.CodeUnexpected}
	if code > 0 {
		e.Code = sys.Code(code)
	}
	for line := range strings.Lines(text) {
		line = sys.Clean(strings.TrimSpace(line))
		if cause, ok := strings.CutPrefix(line, "error: "); ok {
			e.Cause = cause
		} else if hint, ok := strings.CutPrefix(line, "hint: "); ok {
			e.Hint = hint
		}
	}
	return e
}

// pipes makes a pipe for each part. A part never exceeds the capacity of a pipe, so writing
// it does not block (pipe(7)).
func pipes(cmd *exec.Cmd, parts [][]byte) ([]*os.File, error) {
	var writers []*os.File
	for range parts {
		r, w, err := os.Pipe()
		if err != nil {
			return writers, err
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, r)
		writers = append(writers, w)
	}
	return writers, nil
}

// GoWithout makes an engine continue without the age identity that it waits for.
func (p *Process) GoWithout() error {
	return os.WriteFile(filepath.Join(p.Paths.Dir, steps.SkipFile), nil, 0o600)
}

// Stop sends SIGTERM to the engine, whose process id is in the lock file.
func (p *Process) Stop() error {
	if !p.Running() {
		return sys.Faultf(sys.CodeUsage, "it has already ended", "no install is running")
	}
	pid, err := p.holder()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGTERM)
}

// holder returns the process id in the lock file: that of the last engine.
func (p *Process) holder() (int, error) {
	data, err := os.ReadFile(filepath.Join(p.Paths.Dir, "lock"))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("invalid process id %q in the lock file", data)
	}
	return pid, nil
}
