package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/tui/machine"
)

func followCommand() *cobra.Command {
	var events, format string
	var wait bool
	c := &cobra.Command{
		Use: "follow", Short: "Show a running or finished install",
		Long: "Show a running or finished install from its first event to its last, and exit with its\n" +
			"exit code. With --wait, wait for an install, show it, and wait for the next one.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			paths := engine.DefaultPaths()
			paths.Events = events
			process := &machine.Process{Paths: paths}
			return follow(ctx, process, cmd.OutOrStdout(), format, wait)
		}),
	}
	c.Flags().StringVar(&events, "events", engine.DefaultPaths().Events, "the events file to follow")
	c.Flags().StringVar(&format, "log-format", "text", "text, or json with one event a line")
	c.Flags().BoolVar(&wait, "wait", false, "wait for installs and show each, until stopped")
	return c
}

// follow shows an install and returns its exit code. If wait is set, it shows one install
// after another, until ctx ends.
func follow(ctx context.Context, process *machine.Process, w io.Writer, format string, wait bool) error {
	var last os.FileInfo
	for {
		watch, err := watcher(w, format, engine.Text{})
		if err != nil {
			return err
		}
		if wait && format == "text" {
			fmt.Fprintln(w, "waiting for an install to start")
		}
		if wait {
			if last, err = process.Next(ctx, last); err != nil {
				return err
			}
		}
		code, err := process.Follow(ctx, watch)
		switch {
		case !wait && err == nil && code != 0:
			return alreadyShown{code}
		case !wait, err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			engine.WriteError(os.Stderr, sys.AsFault(err))
		}
	}
}
