package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
)

// taskFlags are those of every command that runs a plan other than an install.
type taskFlags struct {
	dryRun bool
	format string
}

func (f *taskFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and do nothing")
	c.Flags().StringVar(&f.format, "log-format", "text", "text or json: one event a line")
}

// run runs the plan, or shows it. No two of one name run at once, unless the plan
// may run beside others.
func (f *taskFlags) run(cmd *cobra.Command, name string, p *engine.Task) error {
	if f.dryRun {
		engine.WritePlan(cmd.OutOrStdout(), p)
		return nil
	}
	show, err := f.watcher(cmd.OutOrStdout())
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	err = engine.RunTask(ctx, p, engine.TaskPaths(name), show)
	if e, ok := errors.AsType[*engine.Error](err); ok && f.format == "json" {
		return alreadyShown{e.Code} // among the events
	}
	return err
}

func (f *taskFlags) watcher(w io.Writer) (func(engine.Event), error) {
	if f.format != "text" {
		return watcher(w, f.format)
	}
	t := &engine.Text{W: w, Task: true, Live: isTerminal(w)}
	return t.Event, nil
}

func isTerminal(w any) bool {
	if shown, ok := w.(engine.Shown); ok {
		w = shown.W
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// confirmYes makes sure that the operator wants it: by the flag, else by the
// word yes typed under what is said.
func confirmYes(cmd *cobra.Command, flag string, say ...string) error {
	const hint = "look at what --dry-run shows; if that is what you want, add --confirm yes"
	if flag == "yes" {
		return nil
	}
	in := cmd.InOrStdin()
	if flag != "" || !isTerminal(in) {
		return engine.Usage(hint, "not confirmed: --confirm must be the word yes")
	}
	out := cmd.ErrOrStderr()
	for _, line := range say {
		fmt.Fprintln(out, line)
	}
	_, _ = fmt.Fprint(out, "Type yes to go on: ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "yes" {
		return engine.Usage("nothing was done; type the whole word yes next time", "not confirmed")
	}
	return nil
}
