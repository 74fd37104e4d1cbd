package steps

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"auto-installer/steps/internal/sys"
)

// followEvery is how often a follower looks for more.
const followEvery = 50 * time.Millisecond

// maxEvent bounds one line of the events file, in bytes.
const maxEvent = 1 << 20

// Follow reads an events file from its start and gives each event to each,
// until the last one or until ctx ends. It returns the exit code of the
// install that it followed. A file that a new install replaced is followed to
// its end.
func Follow(ctx context.Context, file string, each func(Event)) (Code, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, Usage("start one with `auto-installer install`", "there is no install to follow: %s is not there", file)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var part []byte
	for {
		chunk, err := r.ReadBytes('\n')
		part = append(part, chunk...)
		switch {
		case errors.Is(err, io.EOF):
			if len(part) > maxEvent {
				return 0, fault(sys.CodeUnexpected, "it is not an events file", "%s has a line of more than %d bytes", file, maxEvent)
			}
			select {
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			case <-time.After(followEvery):
			}
			continue
		case err != nil:
			return 0, err
		}
		var e Event
		if err := json.Unmarshal(part, &e); err != nil {
			return 0, fault(sys.CodeUnexpected, "it is not an events file", "%s: %w", file, err)
		}
		part = part[:0]
		each(e)
		if e.Kind == KindEnded && e.Exit != nil {
			return *e.Exit, nil
		}
	}
}

func quote(argv []string) string { return sys.Quote(argv) }
