package identity

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

func newKey(t *testing.T) []byte {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return []byte("# a comment\n" + id.String() + "\n")
}

// waiter is a Fake whose notes can be read while a step runs.
type waiter struct {
	*sys.Fake
	mu sync.Mutex
	c  chan string
}

func (w *waiter) Warn(line string) { w.c <- line }
func (w *waiter) Waiting(x sys.Waiting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Fake.Waiting(x)
}

func awaiting(t *testing.T, fits func(key []byte) error) (AwaitOptions, *waiter, chan error) {
	t.Helper()
	dir := t.TempDir()
	pub, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	hostKey := filepath.Join(dir, "ssh_host_ed25519_key.pub")
	if err := os.WriteFile(hostKey, ssh.MarshalAuthorizedKey(key), 0o644); err != nil {
		t.Fatal(err)
	}
	o := AwaitOptions{
		Root: t.TempDir(), Host: "demo", Needed: func() bool { return true },
		Fits:      fits,
		Addresses: func() []string { return []string{"10.0.2.15", "fd00::1"} },
		HostKey:   hostKey, Skip: filepath.Join(dir, "skip"), Every: time.Millisecond,
	}
	s := &waiter{Fake: sys.NewFake(t), c: make(chan string, 10)}
	done := make(chan error, 1)
	go func() { done <- enginetest.Run(t.Context(), s, AwaitOps(o)...) }()
	return o, s, done
}

func ends(t *testing.T, done chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		t.Fatal("it still waits")
		return nil
	}
}

func send(t *testing.T, o AwaitOptions, data []byte) {
	t.Helper()
	file := filepath.Join(o.Root, "etc/age/demo.agekey")
	for range 60_000 { // the step creates the folder first
		if _, err := os.Stat(filepath.Dir(file)); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The right key is installed, whatever was sent before it, and gets its modes.
func TestAwait(t *testing.T) {
	wrong, right := newKey(t), newKey(t)
	o, s, done := awaiting(t, func(key []byte) error {
		if string(key) != string(right) {
			return errors.New("it is another host's")
		}
		return nil
	})
	send(t, o, right[:20]) // as scp writes it
	send(t, o, wrong)
	if w := <-s.c; !strings.Contains(w, "another host's") {
		t.Errorf("warned of %q", w)
	}
	left(t, o)
	send(t, o, right)
	if err := ends(t, done); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(o.Root, "etc/age/demo.agekey")
	got, err := os.ReadFile(file)
	if err != nil || string(got) != string(right) {
		t.Errorf("the file is %q, %v", got, err)
	}
	for path, mode := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700 | os.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	how := strings.Join(s.Waits[0].How, "\n")
	for _, want := range []string{
		"scp demo.agekey root@10.0.2.15:" + filepath.Dir(file) + "/", "scp demo.agekey root@[fd00::1]:" + filepath.Dir(file) + "/", "SHA256:",
	} {
		if !strings.Contains(how, want) {
			t.Errorf("no %q in\n%s", want, how)
		}
	}
	if last := s.Waits[len(s.Waits)-1]; last.For != "" {
		t.Errorf("it still says that it waits for %s", last.For)
	}
}

// left verifies that no identity, and no part of one, is on the target.
func left(t *testing.T, o AwaitOptions) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		names, err := filepath.Glob(filepath.Join(o.Root, "etc/age/*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("on the target is %q", names)
		}
		time.Sleep(time.Millisecond)
	}
}

// When the install continues without an identity, no refused, partial or invalid one stays on
// the target.
func TestAwaitSkippedLeavesNothing(t *testing.T) {
	wrong := newKey(t)
	for name, sent := range map[string][]byte{
		"refused": wrong, "in half": wrong[:20], "two identities": append(newKey(t), wrong...), "an ssh key": []byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"),
	} {
		t.Run(name, func(t *testing.T) {
			o, s, done := awaiting(t, func([]byte) error { return errors.New("it is another host's") })
			send(t, o, sent)
			if name == "refused" {
				<-s.c
			}
			if err := os.WriteFile(o.Skip, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := ends(t, done); err != nil {
				t.Fatal(err)
			}
			left(t, o)
		})
	}
}

// When the install ends while it waits, no refused one stays either.
func TestAwaitStopsAfterRefusal(t *testing.T) {
	dir, wrong := t.TempDir(), newKey(t)
	file := filepath.Join(dir, "etc/age/demo.agekey")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, wrong, 0o600)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopped")
	o := AwaitOptions{
		Root: dir, Host: "demo", Needed: func() bool { return true }, Addresses: func() []string { return nil },
		Fits: func([]byte) error { return errors.New("it is another host's") },
	}
	s := &waiter{Fake: sys.NewFake(t), c: make(chan string, 1)}
	go func() { <-s.c; cancel(stop) }()
	if err := enginetest.Run(ctx, s, AwaitOps(o)...); !errors.Is(err, stop) {
		t.Error(err)
	}
	left(t, o)
}

// A resumed install without an identity removes one that was sent earlier.
func TestRemove(t *testing.T) {
	o := Options{Root: t.TempDir(), Host: "demo"}
	s := sys.NewFake(t)
	if err := enginetest.Run(t.Context(), s, RemoveOps(o)...); err != nil {
		t.Errorf("none is there: %v", err)
	}
	other := filepath.Join(o.Root, dir, "other")
	if err := errors.Join(os.MkdirAll(filepath.Dir(other), 0o700), os.WriteFile(other, nil, 0o600),
		os.WriteFile(filepath.Join(o.Root, o.path()), newKey(t), 0o600), os.WriteFile(filepath.Join(o.Root, o.path()+".new"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := enginetest.Run(t.Context(), s, RemoveOps(o)...); err != nil {
		t.Fatal(err)
	}
	if names, _ := filepath.Glob(filepath.Join(o.Root, dir, "*")); len(names) != 1 || names[0] != other {
		t.Errorf("%q", names)
	}
}

func TestAwaitSkipped(t *testing.T) {
	o, s, done := awaiting(t, func([]byte) error { return nil })
	if err := os.WriteFile(o.Skip, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for { // a file from before the wait does not count
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			if last := s.Logged[len(s.Logged)-1]; !strings.Contains(last, "continuing without") {
				t.Errorf("logged %q", last)
			}
			return
		case <-time.After(10 * time.Millisecond):
			_ = os.WriteFile(o.Skip, nil, 0o600)
		}
	}
}

func TestAwaitStops(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopped")
	cancel(stop)
	s := sys.NewFake(t)
	err := enginetest.Run(ctx, s, AwaitOps(AwaitOptions{
		Root: t.TempDir(), Host: "demo", Needed: func() bool { return true }, Addresses: func() []string { return nil },
	})...)
	if !errors.Is(err, stop) {
		t.Errorf("it ended with %v", err)
	}
	if how := strings.Join(s.Waits[0].How, "\n"); !strings.Contains(how, "no network address") {
		t.Errorf("it says\n%s", how)
	}
}

func TestAwaitNotNeeded(t *testing.T) {
	s := sys.NewFake(t)
	if err := enginetest.Run(t.Context(), s, AwaitOps(AwaitOptions{Root: t.TempDir(), Host: "demo", Needed: func() bool { return false }})...); err != nil {
		t.Fatal(err)
	}
	if len(s.Waits) != 0 {
		t.Errorf("it waited: %v", s.Waits)
	}
}
