package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// FollowEvery is how often a follower reads.
const FollowEvery = 50 * time.Millisecond

// maxEvent bounds one line of the events file, in bytes.
const maxEvent = 1 << 20

// Follow reads an events file from its start and calls each with every event, until
// the last event or until ctx ends. It returns the exit code of the run. When a new
// install replaces the file, Follow reads the old one to its end. It returns ErrGone when
// the file has no last event and running returns false; nil stands for true.
func Follow(ctx context.Context, file string, each func(Event), running func() bool) (sys.Code, error) {
	// Without O_NONBLOCK, opening a pipe waits for its writer (fifo(7)).
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, sys.Usage("start one with `auto-installer install`", "no install to follow: %s does not exist", file)
	}
	if err != nil {
		return 0, sys.WithHint(err, sys.CodeMachine, "run it as root", "following the install")
	}
	defer f.Close()
	const hint = "name an events file with --events; an install writes it to " + RunDir
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, sys.Faultf(sys.CodeUnexpected, hint, "%s is not an events file", file)
	}
	r := bufio.NewReader(f)
	var part []byte
	gone := false
	for {
		chunk, err := r.ReadSlice('\n')
		part = append(part, chunk...)
		if len(part) > maxEvent {
			return 0, sys.Faultf(sys.CodeUnexpected, hint, "%s has a line of more than %d bytes", file, maxEvent)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && gone:
			return 0, ErrGone
		case errors.Is(err, io.EOF):
			if gone = running != nil && !running(); gone {
				continue // once more: it may have written since the last read
			}
			select {
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			case <-time.After(FollowEvery):
			}
			continue
		case err != nil:
			return 0, err
		}
		e, err := parseEvent(part)
		if err != nil {
			return 0, sys.Faultf(sys.CodeUnexpected, hint, "%s: %w", file, err)
		}
		part = part[:0]
		each(e)
		if e.Kind == KindEnded {
			return *e.Exit, nil
		}
	}
}

// parseEvent reads a line of an events file, and verifies that the event has the
// fields of its kind and an exit code that a process can have.
func parseEvent(line []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return e, err
	}
	has := true
	switch e.Kind {
	case KindPlan:
		has = e.Plan != nil
		e.line = bytes.Clone(bytes.TrimSpace(line))
	case KindCommand:
		has = e.Action != nil && len(e.Action.Argv) > 0
	case KindProgress:
		has = e.Progress != nil
	case KindFailed:
		has = e.Error != nil
	case KindEnded:
		has = e.Exit != nil && *e.Exit >= 0 && *e.Exit <= 255
	}
	if !has {
		return e, fmt.Errorf("event %q lacks a field", e.Kind)
	}
	return e, nil
}

// ErrGone means that no process holds the lock and the events have no last one.
var ErrGone = errors.New("the install was killed from outside")
