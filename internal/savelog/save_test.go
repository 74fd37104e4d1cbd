package savelog

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

func TestSaveToAStick(t *testing.T) {
	b := newBench(t)
	folder, err := Save(t.Context(), b, b.options())
	if err != nil || folder != "/auto-installer-logs/2026-01-02-03-04" {
		t.Fatalf("%q, %v", folder, err)
	}
	for _, from := range b.logs {
		want, _ := os.ReadFile(from)
		to := filepath.Join(b.stick, folder, filepath.Base(from))
		got, err := os.ReadFile(to)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d, %v", to, len(got), len(want), err)
		}
		if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
	var ran []string
	for _, l := range b.log.lines {
		ran = append(ran, strings.Fields(l)[0])
	}
	if !slices.Equal(ran, []string{"mount", "sync", "umount"}) {
		t.Errorf("ran %q", b.log.lines)
	}
	// Once more: nothing is overwritten.
	if _, err = Save(t.Context(), b, b.options()); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

func TestSaveRefusesASecret(t *testing.T) {
	const secret = `pa"ss<wörd>\ 1234`
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"as it is":       secret,
		"JSON":           string(quoted),
		"bytes in JSON":  base64.StdEncoding.EncodeToString([]byte(secret)),
		"URL-safe":       base64.URLEncoding.EncodeToString([]byte(secret)),
		"hexadecimal":    hex.EncodeToString([]byte(secret)),
		"across a block": strings.Repeat("x", 256<<10-3) + secret,
	} {
		b := newBench(t)
		o := b.options()
		o.Secrets = append(o.Secrets, []byte(secret))
		if err := os.WriteFile(o.Files[1], []byte("before "+text+" after"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Save(t.Context(), b, o)
		f, ok := errors.AsType[*sys.Fault](err)
		if !ok || !strings.Contains(f.Cause, "2.log contains a secret") || f.Hint == "" || strings.Contains(f.Cause+f.Hint, "pa") && strings.Contains(f.Cause+f.Hint, "1234") {
			t.Errorf("%s: %+v", name, err)
		}
		if len(b.log.lines) > 0 || len(tree(t, b.stick)) > 0 {
			t.Errorf("%s: Save did something: %q", name, b.log.lines)
		}
	}
}

func TestShortSecretsAreNotLookedFor(t *testing.T) {
	b := newBench(t)
	o := b.options()
	o.Secrets = [][]byte{[]byte("log"), {}}
	if _, err := Save(t.Context(), b, o); err != nil {
		t.Error(err)
	}
}

func TestSaveFails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, b *bench, o *SaveOptions)
		says   string
	}{
		"no such log":  {func(_ *testing.T, _ *bench, o *SaveOptions) { o.Files = append(o.Files, "/nonexistent/log") }, "/nonexistent/log"},
		"a folder":     {func(t *testing.T, _ *bench, o *SaveOptions) { o.Files = []string{t.TempDir()} }, "is a directory"},
		"bad device":   {func(_ *testing.T, _ *bench, o *SaveOptions) { o.Place.Device = "/dev/other" }, "mount: bad device"},
		"a file there": {func(t *testing.T, b *bench, _ *SaveOptions) { write(t, filepath.Join(b.stick, "auto-installer-logs")) }, "not a directory"},
		"a link away": {func(t *testing.T, b *bench, _ *SaveOptions) {
			link(t, t.TempDir(), filepath.Join(b.stick, "auto-installer-logs"))
		}, "escapes"},
		"no mount point": {func(t *testing.T, b *bench, o *SaveOptions) {
			o.Run = filepath.Join(b.stick, "file")
			write(t, o.Run)
		}, "not a directory"},
	} {
		b := newBench(t)
		o := b.options()
		c.change(t, b, &o)
		before := tree(t, b.stick)
		folder, err := Save(t.Context(), b, o)
		f, ok := errors.AsType[*sys.Fault](err)
		if !ok || folder != "" || !strings.Contains(f.Cause, c.says) || f.Hint == "" {
			t.Errorf("%s: %q, %+v", name, folder, err)
		}
		if after := tree(t, b.stick); !slices.Equal(before, after) {
			t.Errorf("%s: left %q", name, after)
		}
	}
}

// A name that the place does not take stands for a stick that is full or unplugged: Save
// removes the copies.
func TestSaveFailsInTheMiddle(t *testing.T) {
	b := newBench(t)
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 255))
	write(t, long)
	o := b.options()
	o.Files = append(o.Files, long)
	folder, err := Save(t.Context(), b, o)
	if _, ok := errors.AsType[*sys.Fault](err); !ok || folder != "" {
		t.Errorf("%q, %v", folder, err)
	}
	if left, err := os.ReadDir(filepath.Join(b.stick, "auto-installer-logs")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestWriteProtected(t *testing.T) {
	err := saveFault(t.Context(), &sys.ExitError{
		Argv: []string{"mount"}, Exit: 32,
		Tail: []string{"mount: /x: cannot mount /dev/sdb1 read-write, is write-protected.", "dmesg(1) may have more"},
	}, Place{Device: "/dev/sdb1"})
	if f, ok := errors.AsType[*sys.Fault](err); !ok || !strings.Contains(f.Hint, "switch on the stick") || !strings.Contains(f.Cause, "read-only") {
		t.Errorf("%+v", err)
	}
}

func write(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

// Whenever it is stopped, Save says why and leaves nothing behind.
func TestSaveStopped(t *testing.T) {
	why := errors.New("why")
	for _, at := range []string{"", "mount", "sync"} {
		b := newBench(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		if at == "" {
			cancel(why)
		}
		b.log.after = func(c sys.Cmd) {
			if c.Argv[0] == at {
				cancel(why)
			}
		}
		if _, err := Save(ctx, b, b.options()); !errors.Is(err, why) {
			t.Errorf("stopped at %q: %v", at, err)
		}
		cancel(nil)
	}
}

func TestSaveThatCannotBeUnmounted(t *testing.T) {
	f := sys.NewFake(t)
	s := &stuck{Fake: f}
	b := newBench(t)
	folder, err := Save(t.Context(), s, SaveOptions{Place: Place{Device: "/dev/stick"}, Name: "log", Run: t.TempDir()})
	if f, ok := errors.AsType[*sys.Fault](err); !ok || folder != "" || !strings.Contains(f.Cause, "target is busy") {
		t.Errorf("%q, %v", folder, err)
	}
	if len(b.log.lines) > 0 {
		t.Error(b.log.lines)
	}
}

// stuck accepts every command and cannot undo.
type stuck struct{ *sys.Fake }

func (*stuck) Do(context.Context, sys.Cmd, sys.Cmd) error { return nil }
func (*stuck) Run(context.Context, sys.Cmd) error         { return nil }
func (*stuck) Keep() error                                { return nil }
func (*stuck) Unwind(context.Context) error               { return errors.New("target is busy") }

func TestHints(t *testing.T) {
	for err, says := range map[error]string{
		unix.ENOSPC: "full", unix.EDQUOT: "full", unix.EROFS: "write-protected", unix.EACCES: "write-protected",
		unix.EIO: "broken", unix.EBUSY: "another",
	} {
		err := saveFault(t.Context(), &fs.PathError{Op: "write", Path: "x", Err: err}, Place{Device: "/dev/stick"})
		if f, ok := errors.AsType[*sys.Fault](err); !ok || !strings.Contains(f.Hint, says) || !strings.Contains(f.Cause, "/dev/stick") {
			t.Errorf("%+v", err)
		}
	}
}

func FuzzContains(f *testing.F) {
	f.Add([]byte("some text with hunter2 in it"), []byte("hunter2"))
	f.Add([]byte("aaab"), []byte("aaaab"))
	f.Fuzz(func(t *testing.T, text, secret []byte) {
		if long := len(secret) >= minSecret; contains(append(text, secret...), secret) != long {
			t.Errorf("%q after %q: found, or not", secret, text)
		}
	})
}
