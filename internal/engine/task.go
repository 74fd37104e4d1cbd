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
func openTask(ctx context.Context, t *Task, paths Paths) (*Engine, Paths, error) {
	engine, err := Open(ctx, paths)
	for n := 2; t.Shared && err != nil && sys.CodeOf(err) == sys.CodeBusy && n <= maxShared; n++ {
		other := pathsIn(fmt.Sprintf("%s-%d", paths.Dir, n), "log")
		if engine, err = Open(ctx, other); err == nil {
			return engine, other, nil
		}
	}
	return engine, paths, err
}

// RunTask runs a task and calls show with its events as they come. If a step fails,
// the engine runs the undo list. The caller shows the returned *sys.Fault.
func RunTask(ctx context.Context, t *Task, paths Paths, show func(Event)) error {
	engine, paths, err := openTask(ctx, t, paths)
	if err != nil {
		_ = t.Close() // it was not used
		e := sys.AsFault(err)
		if e.Code == sys.CodeBusy {
			e.Cause, e.Hint = "the same command is already running on this machine", "wait until it ends"
		}
		return e
	}
	done := ShowEvents(paths.Events, show)
	err = engine.Close(engine.Run(ctx, t))
	done()
	if engine.LogProblem != nil {
		show(Event{
			Time: time.Now(), Kind: KindWarning, Step: "-",
			Line: "the output is incomplete: " + engine.LogProblem.Error(),
		})
	}
	return err
}

// showPatience is how long RunTask waits for the last events to be shown.
const showPatience = 2 * time.Second

// ShowEvents follows an events file and calls show with each event, so a terminal that
// stalls does not block the engine. The returned function waits for the last event and
// returns whether it was shown in time.
func ShowEvents(file string, show func(Event)) (wait func() (all bool)) {
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
