package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"auto-installer/internal/engine"
	"auto-installer/tui/machine"
)

// paper is a buffer that can be read while it is written.
type paper struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// With --wait, follow shows one install after another, also after a failed one.
func TestFollowWaits(t *testing.T) {
	dir := t.TempDir()
	events := filepath.Join(dir, "events.jsonl")
	ctx, cancel := context.WithCancel(t.Context())
	var shown paper
	ended := make(chan error, 1)
	go func() {
		ended <- follow(ctx, &machine.Process{Paths: engine.Paths{Dir: dir, Events: events}}, &shown, "text", true)
	}()
	sees := func(n int, text string) {
		t.Helper()
		for range 3000 {
			if strings.Count(shown.String(), text) == n {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("%q is not there %d times:\n%s", text, n, shown.String())
	}
	const waiting = "waiting for an install"
	install := func(text string) {
		t.Helper()
		fresh := filepath.Join(dir, "fresh")
		if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(fresh, events); err != nil {
			t.Fatal(err)
		}
	}
	sees(1, waiting)
	install(`{"event":"log","step":"one","line":"the first"}` + "\n" +
		`{"event":"ended","step":"-","seconds":3,"error":{"step":"one","cause":"no network","hint":"plug it in","code":6},"exit":6}` + "\n")
	sees(1, "the first")
	sees(1, "plug it in")
	sees(2, waiting)
	install(`{"event":"log","step":"one","line":"the second"}` + "\n" + `{"event":"ended","step":"-","seconds":4,"exit":0}` + "\n")
	sees(1, "the second")
	sees(3, waiting)
	sees(1, "the first")
	cancel()
	if err := <-ended; err == nil {
		t.Error("it ends without being stopped")
	}
}
