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

// Everything but the install is a task: a plan of a few steps, run to its end
// by the program that was asked for it.

// TaskPaths are the files of a task, in a folder of this user's. They stay
// afterwards, for the log's sake.
func TaskPaths(name string) Paths {
	dir := RunDir
	// sudo and su may leave another user's in the environment.
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" && private(run) == nil && unix.Access(run, unix.W_OK) == nil {
		dir = filepath.Join(run, "auto-installer")
	} else if os.Geteuid() != 0 {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("auto-installer-%d", os.Geteuid()))
	}
	return taskPathsIn(filepath.Join(dir, name))
}

func taskPathsIn(dir string) Paths {
	return Paths{Dir: dir, Events: filepath.Join(dir, "events.jsonl"), Log: filepath.Join(dir, "log")}
}

// maxShared is how many shared tasks of a name can run at once.
const maxShared = 32

// openTask opens the engine of a task. A shared one takes the first folder that is
// free: NAME, NAME-2, … So there are never more folders than there were tasks at
// once, and the next task cleans up what a killed one left.
func openTask(ctx context.Context, t *Task, paths Paths) (*Engine, Paths, error) {
	engine, err := Open(ctx, paths)
	for n := 2; t.Shared && err != nil && IsBusy(err) && n <= maxShared; n++ {
		other := taskPathsIn(fmt.Sprintf("%s-%d", paths.Dir, n))
		if engine, err = Open(ctx, other); err == nil {
			return engine, other, nil
		}
	}
	return engine, paths, err
}

// RunTask runs a plan and gives its events to show, as they come. What its
// steps registered to be undone is undone if one fails. The error is an
// *Error, and has been shown.
func RunTask(ctx context.Context, t *Task, paths Paths, show func(Event)) error {
	engine, paths, err := openTask(ctx, t, paths)
	if err != nil {
		_ = t.Close() // nothing of it was used
		e := NewError("", err)
		if e.Code == sys.CodeBusy {
			e.Cause, e.Hint = "the same command is running on this machine", "wait until it has ended"
		}
		return e
	}
	done := ShowEvents(paths.Events, show)
	err = engine.Close(engine.Run(ctx, t))
	done()
	if engine.LogProblem != nil {
		show(Event{
			Time: time.Now(), Kind: KindWarning, Step: "-",
			Line: "what was shown of it is not all: " + engine.LogProblem.Error(),
		})
	}
	return err
}

// showPatience is how long the last events may take to be shown.
const showPatience = 2 * time.Second

// ShowEvents shows the events of a file as any follower would: a reader that
// stalls holds up nothing. The returned function waits for the last one, and
// tells whether it was shown in time.
func ShowEvents(file string, show func(Event)) (wait func() (all bool)) {
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(done)
		_, _ = Follow(ctx, file, show) // all of it is in the log
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
