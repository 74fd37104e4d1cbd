package tui

import (
	"bufio"
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/console/keymap"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

// converse runs plain mode on answers, a line each; secrets are answered in
// order. It returns what was said.
func converse(t *testing.T, f *fake, host string, lines, secrets []string) (string, error) {
	t.Helper()
	pilot := fly(t, f, host)
	var out bytes.Buffer
	p := &plain{
		session: &session{backend: f, opts: pilot.opts, hosts: pilot.hosts},
		in:      bufio.NewReader(strings.NewReader(strings.Join(lines, "\n") + "\n")), out: &out,
		secret: func() ([]byte, error) {
			if len(secrets) == 0 {
				return nil, errors.New("no more")
			}
			s := secrets[0]
			secrets = secrets[1:]
			return []byte(s), nil
		},
	}
	// The countdown at the end is not waited for: the story ends in a failure.
	failed := sys.Code(10)
	f.events = []engine.Event{{Kind: engine.KindEnded, Exit: &failed, Error: &sys.Fault{Cause: "no more story", Code: 10}}}
	err := p.ask(t.Context())
	return out.String(), err
}

func TestPlainAsksEverything(t *testing.T) {
	f := newFake(t)
	var got steps.Answers
	said, err := converse(t, f, "stygianlibrary",
		[]string{"de", "x", "3", "n", "ye", "yes"}, []string{"correct horse", "Correct horse", "correct horse", "correct horse"})
	if e, ok := errors.AsType[*sys.Fault](err); !ok || e.Code != 10 {
		t.Fatalf("%v\n%s", err, said)
	}
	if len(f.started) != 1 {
		t.Fatalf("started %d times", len(f.started))
	}
	got = f.started[0]
	if got.Disk.Path != "/dev/vda" || len(f.loaded) != 1 || f.loaded[0] != "de" {
		t.Errorf("disk %s, keymaps %v", got.Disk.Path, f.loaded)
	}
	for _, want := range []string{
		"Host: stygianlibrary.", "Check of power: warning", "Type a number from 1 to 3.", "Not offered: /dev/sda",
		"upper and lower case only", "auto-installer 1.0.0, medium built from 4d866d2.", "This blank disk will be written: /dev/vda", "On it: nothing.", "It is blank: nothing is lost. If stygianlibrary has secrets, the install later waits for the age identity of stygianlibrary", "Nothing was done. Type the word yes",
		"error: no more story",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it did not say %q:\n%s", want, said)
		}
	}
	if strings.Contains(said, "horse") || strings.Contains(said, "\x1b") {
		t.Errorf("it said too much:\n%s", said)
	}
}

// A passphrase that is typed with another keymap than the boot prompt's.
func TestPlainRetypes(t *testing.T) {
	for _, c := range []struct {
		name    string
		typing  keymap.Typing
		lines   []string
		secrets []string
		loaded  []string
		says    string
	}{
		{"again, with the boot prompt's", keymap.Typing{Moved: 2}, []string{"de", "3", "", "n", "no"}, []string{"a", "a", "b", "b"}, []string{"de", "us"}, "Warning: 2 of its characters are"},
		{"with this keymap", keymap.Typing{Moved: 2}, []string{"de", "3", "n", "n", "no"}, []string{"a", "a"}, []string{"de"}, "Warning: 2"},
		{"not to be typed", keymap.Typing{Missing: 1}, []string{"de", "3", "n", "no"}, []string{"a", "a"}, []string{"de"}, "Choose another passphrase: 1 of its characters is on no key"},
		{"the same keys", keymap.Typing{}, []string{"de", "3", "n", "no"}, []string{"a", "a"}, []string{"de"}, "Make a recovery key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.typing = c.typing
			said, err := converse(t, f, "stygianlibrary", c.lines, c.secrets)
			if !errors.Is(err, errLeft) || !slices.Equal(f.loaded, c.loaded) || !strings.Contains(said, c.says) {
				t.Errorf("%v, loaded %q\n%s", err, f.loaded, said)
			}
		})
	}
}

// Plain mode shows the events of an install that has ended, and offers to start
// over.
func TestPlainAfterAnother(t *testing.T) {
	f := newFake(t)
	f.attached = true
	said, err := converse(t, f, "stygianlibrary", []string{"y", "de", "3", "n", "yes"}, []string{"correct horse", "correct horse"})
	if len(f.started) != 1 || !slices.Contains(f.calls, "put away") || strings.Count(said, "no more story") != 2 {
		t.Errorf("%v, started %d, %q\n%s", err, len(f.started), f.calls, said)
	}
	for _, lines := range [][]string{{"n"}, {"q"}, {}} {
		f := newFake(t)
		f.attached = true
		said, err := converse(t, f, "stygianlibrary", lines, nil)
		if e, ok := errors.AsType[*sys.Fault](err); !ok || e.Code != 10 || len(f.started)+len(f.calls) > 0 {
			t.Errorf("%v, %q\n%s", err, f.calls, said)
		}
	}
	f = newFake(t)
	f.attached, f.followErr = true, errors.New("it was killed")
	if said, _ := converse(t, f, "stygianlibrary", []string{"n"}, nil); !strings.Contains(said, "it was killed") {
		t.Errorf("it does not say that the engine was killed:\n%s", said)
	}
	f = newFake(t)
	f.attached, f.running = true, true
	if said, _ := converse(t, f, "stygianlibrary", []string{"y"}, nil); strings.Contains(said, "Start over") {
		t.Errorf("asked while it runs:\n%s", said)
	}
}

func TestPlainLeaves(t *testing.T) {
	for n, lines := range [][]string{{"q"}, {"us", "q"}, {"us", "1", "q"}, {"us", "1"}, {}} {
		f := newFake(t)
		said, err := converse(t, f, "ultraviolet", lines, nil)
		if !errors.Is(err, errLeft) || len(f.started) > 0 {
			t.Errorf("%d: %v, started %d\n%s", n, err, len(f.started), said)
		}
	}
}
