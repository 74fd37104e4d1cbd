package machine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"auto-installer/internal/engine"
)

// Screens that see the lock before the events file wait for the file.
func TestFollowFromTheLock(t *testing.T) {
	p, _ := follower(t, "")
	lock, err := engine.HoldLock(filepath.Join(p.Paths.Dir, "lock"), os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	go func() {
		time.Sleep(300 * time.Millisecond)
		if err := os.WriteFile(p.Paths.Events, []byte(`{"event":"ended","exit":6}`+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}()
	if code, err := p.Follow(t.Context(), func(engine.Event) {}); err != nil || code != 6 {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestNextInstall(t *testing.T) {
	p, _ := follower(t, "")
	write := func(text string) {
		next := p.Paths.Events + ".next"
		if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, p.Paths.Events)); err != nil {
			t.Fatal(err)
		}
	}
	write("a")
	first, err := p.Next(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if again, err := p.Next(soon, first); err == nil {
		t.Errorf("the same install is another: %v", again)
	}
	write("b")
	if _, err := p.Next(t.Context(), first); err != nil {
		t.Error(err)
	}
}
