package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// TaskPaths returns the files of a task, in a folder of this user's. They stay after
// the task has ended, because of the log.
func TaskPaths(name string) Paths {
	dir := RunDir
	// sudo and su may leave another user's folder in the environment.
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" && private(run) == nil && unix.Access(run, unix.W_OK) == nil {
		dir = filepath.Join(run, "auto-installer")
	} else if os.Geteuid() != 0 {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("auto-installer-%d", os.Geteuid()))
	}
	return pathsIn(filepath.Join(dir, name), "log")
}

// maxShared is how many shared tasks of a name can run at once.
const maxShared = 32

// openTask opens the engine of a task. A shared task takes the first free folder of
// NAME, NAME-2, … So there are only as many folders as there were tasks at once, and
// the next task cleans up after a killed one.
func openTask(ctx context.Context, t *Task, paths Paths) (*Engine, error) {
	e, err := Open(ctx, paths)
	for n := 2; t.Shared && sys.CodeOf(err) == sys.CodeBusy && n <= maxShared; n++ {
		e, err = Open(ctx, pathsIn(fmt.Sprintf("%s-%d", paths.Dir, n), "log"))
	}
	return e, err
}

// RunTask runs a task and calls show with its events as they come. If a step fails,
// the engine runs the undo list. The caller shows the returned error.
func RunTask(ctx context.Context, t *Task, paths Paths, show func(Event)) error {
	e, err := openTask(ctx, t, paths)
	if err != nil {
		_ = t.Close() // it was not used
		if f := sys.AsFault(err); f.Code == sys.CodeBusy {
			f.Cause, f.Hint = "the same command is already running on this machine", "wait until it ends"
		}
		return err
	}
	_, err = e.Execute(ctx, show, func(context.Context) (Job, error) { return t, nil })
	return err
}

// showPatience is how long Execute waits for the last events to be shown.
const showPatience = 2 * time.Second

// Execute makes a plan, runs it, calls show with its events as they come, and closes the
// engine. It returns whether the last event, which has the error, was shown.
func (e *Engine) Execute(ctx context.Context, show func(Event), prepare func(context.Context) (Job, error)) (shown bool, err error) {
	wait := showEvents(e.Paths.Events, show)
	job, err := prepare(ctx)
	if err == nil {
		err = e.Run(ctx, job)
	}
	err = e.Close(err)
	shown = wait()
	if e.LogProblem != nil { // the last events may be missing
		show(Event{Time: time.Now(), Kind: KindWarning, Step: "-", Line: "the log is incomplete: " + e.LogProblem.Error()})
		return false, err
	}
	return shown, err
}

// showEvents follows an events file and calls show with each event, so a terminal that
// stalls does not block the engine. The returned function waits for the last event and
// returns whether it was shown in time.
func showEvents(file string, show func(Event)) (wait func() (all bool)) {
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(done)
		_, _ = Follow(ctx, file, show, nil) // the log has the same lines
	}()
	return func() bool {
		defer cancel()
		select {
		case <-done:
			return true
		case <-time.After(showPatience):
			return false
		}
	}
}
