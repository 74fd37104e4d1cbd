package sys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reporter receives what a step and its System report, from several goroutines.
type Reporter interface {
	Command(c Cmd)       // a command starts
	Log(line string)     // a line of the log
	Warn(line string)    // a line of the log, and one of the warnings at the end
	Proven(what string)  // a line of the log: what the step has proven
	Progress(p Progress) // how far the step is
	Waiting(w Waiting)   // what it needs from the operator before it can go on; zero: it goes on
}

// Silent is a Reporter that ignores everything.
type Silent struct{}

func (Silent) Command(Cmd) {}

func (Silent) Log(string) {}

func (Silent) Warn(string) {}

func (Silent) Proven(string) {}

func (Silent) Progress(Progress) {}

func (Silent) Waiting(Waiting) {}

// Machine is the real System.
type Machine struct {
	Reporter
	Undos    *UndoStack
	Sessions Sessions
	// Grace is how long a command may take to end after SIGTERM, before it is
	// killed. 0 means 5 s.
	Grace time.Duration
}

var _ System = (*Machine)(nil)

// Looking returns a System for reading the state of the machine. It reports nothing.
func Looking() System { return &Machine{Reporter: Silent{}} }

// printed logs a line of a command, without its colours.
func (m *Machine) printed(line string) { m.Log(Clean(line)) }

func (m *Machine) Run(ctx context.Context, c Cmd) error {
	return m.start(ctx, c, nil, nil)
}

func (m *Machine) Output(ctx context.Context, c Cmd) ([]byte, error) {
	out := &limited{max: MaxOutput}
	var onErr func(string)
	if c.Mute {
		onErr = func(string) {}
	}
	if err := m.start(ctx, c, out, onErr); err != nil {
		return nil, err
	}
	if out.full {
		return nil, fmt.Errorf("%s printed more than %d MiB", c.Argv[0], MaxOutput>>20)
	}
	return out.buf.Bytes(), nil
}

func (m *Machine) Lines(ctx context.Context, c Cmd, each func(string)) error {
	return m.start(ctx, c, nil, each)
}

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
	return err // nil, or stopped in the middle: the undo command stays
}

// Unwind implements System. Cancelling ctx does not stop it, because an operator who
// stops an install wants the disk unmounted. After a failed undo command, the next one
// is tried; the failed one stays in the list for the next start.
func (m *Machine) Unwind(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, c := range slices.Backward(slices.Clone(m.Undos.cmds)) {
		if err := m.undo(ctx, c); err != nil {
			errs = append(errs, err)
			continue
		}
		if err := m.Undos.remove(c); err != nil { // running it again does no harm
			m.Log("cannot write the undo list: " + err.Error())
		}
	}
	return errors.Join(errs...)
}

func (m *Machine) Keep() error {
	m.Undos.cmds = nil
	return m.Undos.save()
}

// undo runs an undo command. Its condition counts, not its exit code: an umount that
// ran into the timeout, with much to write, may have succeeded.
func (m *Machine) undo(ctx context.Context, c Cmd) error {
	ctx, cancel := context.WithTimeout(ctx, undoTime)
	defer cancel()
	if !c.While.Holds() {
		return nil
	}
	return Patiently(ctx, InUse, InUsePause, nil, func() error {
		err := m.Run(ctx, c)
		if c.While == "" {
			return err
		}
		if !c.While.Holds() {
			return nil
		}
		if err == nil { // a second mount is below the first, perhaps
			err = fmt.Errorf("after %s: still %s", c.Argv[0], c.While)
		}
		return err
	})
}

// undoTime bounds an undo command, with all its retries.
const undoTime = 2 * time.Minute

// Patiently repeats what fails with a passing error, such as that of a file system in use,
// whose processes may take a moment to end. A nil passing means any error.
func Patiently(ctx context.Context, patience, pause time.Duration, passing func(error) bool, try func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := try()
		if err == nil || passing != nil && !passing(err) || ctx.Err() != nil || !time.Now().Before(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// InUse is the patience with a file system in use, and the pause between two tries.
const (
	InUse      = 2500 * time.Millisecond
	InUsePause = 500 * time.Millisecond
)
