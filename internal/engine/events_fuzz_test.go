package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"auto-installer/internal/sys"
)

// FuzzEventsFile: an events file is untrusted. Following it ends with its last event or
// an error, whatever it holds.
func FuzzEventsFile(f *testing.F) {
	f.Add([]byte(`{"event":"plan","plan":{"title":"installing demo","warnings":[],"steps":[{"name":"gate"}]}}` + "\n" +
		`{"event":"started","step":"gate"}` + "\n" + `{"event":"command","action":{"argv":["lsblk"]}}` + "\n" +
		`{"event":"progress","progress":{"done":1,"total":2}}` + "\n" + `{"event":"ended","step":"-","exit":0}` + "\n"))
	f.Add([]byte(`{"event":"failed","error":{"cause":"x","code":10}}` + "\n" + `{"event":"waiting","waiting":{"for":"x"}}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "events.jsonl")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		stop := errors.New("its end")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stop) // Follow still reads the whole file
		text, task := &Text{W: io.Discard}, &Text{W: io.Discard, Task: true, Live: true}
		_, err := Follow(ctx, file, func(e Event) { text.Event(e); task.Event(e) }, nil)
		if _, isFault := errors.AsType[*sys.Fault](err); err != nil && !errors.Is(err, stop) && !isFault {
			t.Errorf("%v", err)
		}
	})
}
