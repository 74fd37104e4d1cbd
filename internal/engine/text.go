package engine

import (
	"fmt"
	"io"
	"strings"
	"time"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Text writes events as lines for people.
type Text struct {
	W io.Writer
	// Task shows log lines in place of steps: they are the answer of a task.
	Task bool
	// Live shows progress and the running command in one line: W is a terminal.
	Live bool

	total, at int
	began     time.Time // when the running step started
	open      bool      // show has shown a line
}

// Event writes one event.
func (t *Text) Event(e Event) {
	if t.Task && t.task(e) {
		return
	}
	switch e.Kind {
	case KindPlan:
		t.total, t.at = len(e.Plan.Steps), 0
		t.line("%s", e.Plan.Title)
	case KindStarted:
		t.at++
		t.line("[%2d/%d] %s", t.at, t.total, e.Step)
	case KindFinished:
		t.line("[%2d/%d] %s: done in %.1f s", t.at, t.total, e.Step, e.Seconds)
	case KindWarning:
		t.line("warning: %s", e.Line)
	case KindCommand:
		t.line("        $ %s", sys.Quote(e.Action.Argv))
	case KindLog:
		t.line("        %s", sys.Shorten(e.Line, maxShown))
	case KindProven:
		t.line("        proven: %s", e.Line)
	case KindProgress:
		if p := e.Progress; p.Total > 0 {
			t.line("        %d of %d %s  %s", p.Done, p.Total, p.Unit, p.Label)
		}
	case KindWaiting:
		if e.Waiting != nil {
			t.line("waiting for %s", e.Waiting.For)
			for _, line := range e.Waiting.How {
				t.line("    %s", line)
			}
		}
	case KindFailed:
		t.line("[%2d/%d] %s: failed", t.at, t.total, e.Step)
	case KindEnded:
		if e.Error != nil {
			WriteError(t.W, e.Error)
		} else {
			t.line("done in %.0f s", e.Seconds)
		}
	}
}

// task shows an event the way tasks do. It returns false for the others.
func (t *Text) task(e Event) bool {
	switch e.Kind {
	case KindStarted:
		t.began = e.Time
	case KindLog:
		t.line("%s", sys.Shorten(e.Line, maxShown))
	case KindProven:
		t.line("proven: %s", e.Line)
	case KindProgress:
		if t.Live {
			t.redraw(*e.Progress, e.Time.Sub(t.began))
		}
	case KindCommand:
		if t.Live {
			t.show(e.Action.Does + "…")
		}
	case KindFinished, KindFailed:
		t.close()
	case KindEnded:
		t.close() // the command prints the error itself
	default:
		return false
	}
	return true
}

// redraw shows progress in the terminal's last line, with the rate and the time left.
func (t *Text) redraw(p sys.Progress, since time.Duration) {
	count := fmt.Sprintf("%d of %d %s", p.Done, p.Total, p.Unit)
	if p.Unit == "bytes" {
		count = fmt.Sprintf("%s of %s", block.FormatSize(p.Done), block.FormatSize(p.Total))
		if p.Total == 0 {
			count = block.FormatSize(p.Done)
		}
		if s := since.Seconds(); s >= 1 {
			rate := float64(p.Done) / s
			count += fmt.Sprintf(", %s/s", block.FormatSize(int64(rate)))
			if p.Total > p.Done && rate > 0 {
				count += ", " + time.Duration(float64(p.Total-p.Done)/rate*float64(time.Second)).Round(time.Second).String() + " left"
			}
		}
	}
	t.show(count + "  " + p.Label)
}

// show replaces the terminal's last line.
func (t *Text) show(line string) {
	t.control("\r\x1b[K  " + sys.VisibleLine(line))
	t.open = true
}

// close clears what show has shown.
func (t *Text) close() {
	if t.open {
		t.control("\r\x1b[K")
		t.open = false
	}
}

// maxShown bounds how much of a log line is shown, in bytes. The log file has all of it.
const maxShown = 2 << 10

func (t *Text) line(format string, args ...any) {
	t.close()
	for i, a := range args { // a line break in a field must not look like a new line
		switch a := a.(type) {
		case string:
			args[i] = sys.VisibleLine(a)
		case Name:
			args[i] = sys.VisibleLine(string(a))
		}
	}
	// The reader may be gone. The install goes on, and the log file has the line.
	_, _ = fmt.Fprintf(Shown{t.W}, format+"\n", args...)
}

// control writes escapes of the program's own to the terminal.
func (t *Text) control(s string) {
	w := t.W
	if shown, ok := w.(Shown); ok {
		w = shown.W
	}
	_, _ = io.WriteString(w, s)
}

// Shown is the writer for all text that people read. It escapes what would move the
// terminal, hide text or reorder it. JSON keeps its meaning.
type Shown struct{ W io.Writer }

func (s Shown) Write(p []byte) (int, error) {
	if !sys.Hides(p) { // without a copy: it may be a secret
		return s.W.Write(p)
	}
	if _, err := io.WriteString(s.W, sys.Visible(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteError writes an error and its hint, the last lines of a command.
func WriteError(w io.Writer, e *sys.Fault) {
	w = Shown{w}
	_, _ = fmt.Fprintf(w, "error: %s\n", e.Error())
	if e.Hint != "" {
		_, _ = fmt.Fprintf(w, "hint: %s\n", e.Hint)
	}
}

// WritePlan writes a plan as text: each step with its operations.
func WritePlan(w io.Writer, p *Plan) {
	t := Text{W: w}
	head := p.Head
	if head == nil {
		head = []string{p.Title}
	}
	for _, line := range head {
		t.line("%s", line)
	}
	for _, warning := range p.Warnings {
		t.line("warning: %s", warning)
	}
	for _, note := range p.Notes {
		t.line("note: %s", note)
	}
	gate := p.Gate
	for i, s := range p.Steps {
		if s.Phase != Check && gate != "" {
			t.line("\n──── %s ────", gate)
			gate = ""
		}
		t.line("\n%2d  %s: %s", i+1, s.Name, s.Does)
		for _, a := range s.Actions {
			if len(a.Argv) == 0 {
				t.line("      - %s", a.Does)
				continue
			}
			t.line("      $ %s", sys.Quote(a.Argv))
			for line := range strings.Lines(a.Stdin) {
				t.line("        < %s", strings.TrimRight(line, "\n"))
			}
		}
	}
}
