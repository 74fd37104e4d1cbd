package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// taskFlags are the flags of every task.
type taskFlags struct {
	dryRun bool
	format string
}

func (f *taskFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show the plan and do nothing")
	c.Flags().StringVar(&f.format, "log-format", "text", "text, or json with one event a line")
}

// run runs the task, or shows its plan. A second task of the same name is refused, unless
// the task is shared.
func (f *taskFlags) run(cmd *cobra.Command, name string, p *engine.Task) error {
	if f.dryRun {
		engine.WritePlan(cmd.OutOrStdout(), &p.Plan)
		return nil
	}
	out := cmd.OutOrStdout()
	show, err := watcher(out, f.format, engine.Text{Task: true, Live: isTerminal(out)})
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	err = engine.RunTask(ctx, p, engine.TaskPaths(name), show)
	if e, ok := errors.AsType[*sys.Fault](err); ok && f.format == "json" {
		return alreadyShown{e.Code} // the events have shown it
	}
	return err
}

func isTerminal(w any) bool {
	if shown, ok := w.(engine.Shown); ok {
		w = shown.W
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// watcher returns a function that shows events in this format, text as t has it.
func watcher(w io.Writer, format string, t engine.Text) (func(engine.Event), error) {
	switch format {
	case "text":
		t.W = w
		return t.Event, nil
	case "json":
		enc := json.NewEncoder(w)
		return func(e engine.Event) { _ = enc.Encode(e) }, nil // the reader may be gone; the install goes on
	}
	return nil, sys.Usage("use text or json", "--log-format: unknown format %q", format)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// width returns the width of the terminal, or 80.
func width() int {
	if w, _, err := term.GetSize(os.Stdout.Fd()); err == nil && w > 0 {
		return w
	}
	return 80
}
