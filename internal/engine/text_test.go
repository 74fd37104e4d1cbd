package engine

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

var update = flag.Bool("update", false, "write the golden files")

func TestText(t *testing.T) {
	exit := sys.CodeSource
	failure := &sys.Fault{Step: "source", Cause: "no network: dial", Hint: "connect a cable", Code: exit}
	done := sys.CodeOK
	events := []Event{
		{Kind: KindPlan, Plan: &Plan{Title: "installing demo on /dev/x (flake)", Steps: make([]Step, 12)}},
		{Kind: KindWarning, Line: "no age identity"},
		{Kind: KindStarted, Step: "preflight"},
		{Kind: KindLog, Step: "preflight", Line: "running as root"},
		{Kind: KindFinished, Step: "preflight", Seconds: 0.04},
		{Kind: KindStarted, Step: "source"},
		{Kind: KindCommand, Step: "source", Action: &sys.Action{Argv: []string{"git", "clone", "a b"}, Stdin: "<passphrase>"}},
		{Kind: KindProgress, Step: "source", Progress: &sys.Progress{Done: 1, Total: 4, Unit: "paths", Label: "glibc"}},
		{Kind: KindProgress, Step: "source", Progress: &sys.Progress{Done: 1, Unit: "paths"}},
		{Kind: "of a newer version", Line: "?"},
		{Kind: KindFailed, Step: "source", Error: failure},
		{Kind: KindLog, Step: "source", Line: "undoing"},
		{Kind: KindEnded, Step: "-", Seconds: 9, Error: failure, Exit: &exit},
		{Kind: KindEnded, Step: "-", Seconds: 61.2, Exit: &done},
	}
	var out bytes.Buffer
	text := &Text{W: &out}
	for _, e := range events {
		text.Event(e)
	}
	const file = "testdata/text.golden"
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(golden) {
		t.Errorf("not %s:\n%s", file, out.String())
	}
}

// A reader that has gone away does not stop the run.
func TestTextToNobody(t *testing.T) {
	text := &Text{W: gone{}}
	text.Event(Event{Kind: KindLog, Line: "x"})
	WriteError(gone{}, &sys.Fault{Cause: "c", Hint: "h"})
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errors.New("gone") }

// The line of progress has no escapes but the program's own.
func TestLiveProgressIsTame(t *testing.T) {
	var out bytes.Buffer
	text := &Text{W: Shown{&out}, Task: true, Live: true}
	text.Event(Event{Kind: KindProgress, Progress: &sys.Progress{Done: 1, Total: 2, Unit: "\x1b[2Jfiles", Label: "a\x1b[Ab\nc"}})
	text.Event(Event{Kind: KindLog, Line: "x\x1b[2Ky"})
	const want = "\r\x1b[K  1 of 2 \\e[2Jfiles  a\\e[Ab\\nc" + "\r\x1b[K" + "x\\e[2Ky\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// A task shows the command that runs now, until there is something else to show. What is
// no terminal gets the answers only.
func TestTaskShowsItsCommand(t *testing.T) {
	events := []Event{
		{Kind: KindStarted, Step: "prove"},
		{Kind: KindCommand, Action: &sys.Action{Does: "evaluate the installer ISO", Argv: []string{"nix"}}},
		{Kind: KindLog, Line: "it evaluates"},
		{Kind: KindCommand, Action: &sys.Action{Does: "list\nits names", Argv: []string{"nix"}}},
		{Kind: KindFinished, Step: "prove"},
	}
	const clear = "\r\x1b[K"
	for live, want := range map[bool]string{
		false: "it evaluates\n",
		true:  clear + "  evaluate the installer ISO…" + clear + "it evaluates\n" + clear + "  list\\nits names…" + clear,
	} {
		var out strings.Builder
		text := Text{W: &out, Task: true, Live: live}
		for _, e := range events {
			text.Event(e)
		}
		if out.String() != want {
			t.Errorf("live %t: %q, want %q", live, out.String(), want)
		}
	}
}

// A line break in a field of an event or of a plan does not imitate a line of the
// program.
func TestTextForgesNoLine(t *testing.T) {
	const odd = "x\n[ 9/9] FORGED\u2028\x1b[2K"
	p := &Plan{
		Title: odd, Warnings: []string{odd}, Notes: []string{odd},
		Steps: []Step{{Name: odd, Does: odd, Actions: []sys.Action{{Does: odd}, {Argv: []string{odd}, Stdin: odd}}}},
	}
	for _, task := range []bool{false, true} {
		var out strings.Builder
		text := Text{W: &out, Task: task}
		for _, e := range []Event{
			{Kind: KindPlan, Plan: p},
			{Kind: KindStarted, Step: odd},
			{Kind: KindCommand, Action: &sys.Action{Argv: []string{odd}}},
			{Kind: KindLog, Line: odd},
			{Kind: KindProven, Line: odd},
			{Kind: KindWarning, Line: odd},
			{Kind: KindProgress, Progress: &sys.Progress{Done: 1, Total: 2, Unit: odd, Label: odd}},
			{Kind: KindWaiting, Waiting: &sys.Waiting{For: odd, How: []string{odd}}},
			{Kind: KindFinished, Step: odd},
			{Kind: KindFailed, Step: odd, Error: &sys.Fault{}},
		} {
			text.Event(e)
		}
		WritePlan(&out, p)
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "[ 9/9]") || strings.ContainsAny(line, "\x1b\u2028") {
				t.Errorf("%q", line)
			}
		}
		if !strings.Contains(out.String(), "FORGED") {
			t.Error("nothing is shown")
		}
	}
}
