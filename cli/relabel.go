package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/steps"
	"auto-installer/tasks/relabel"
)

func relabelCommand() *cobra.Command {
	var f taskFlags
	var host, root, confirm string
	c := &cobra.Command{
		Use: "relabel --host HOST", Short: "Give an installed host's disk the labels of its definition",
		Long: "Give the disk of a running host the labels of its definition: of the ESP, the root, the\n" +
			"LUKS container and the swap, and the partitions' names. Shows what it would do and the\n" +
			"lines for the host's hardware-configuration.nix; with --confirm yes it does it. If one\n" +
			"label fails, or on Ctrl+C, all get their old value back.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			if confirm != "" && confirm != "yes" {
				return engine.Usage("look at what it shows without; if that is what you want, add --confirm yes",
					"not confirmed: --confirm must be the word yes")
			}
			h, err := loadHost(host)
			if err != nil {
				return err
			}
			if info, err := os.Stat(root); err != nil || !info.IsDir() {
				return engine.Usage("name the folder where the host's root is mounted", "--root: %s is no folder", root)
			}
			if err := steps.NeedRoot(); err != nil {
				return err
			}
			r, err := relabel.Plan(cmd.Context(), h, root)
			if err != nil {
				return err
			}
			f.dryRun = f.dryRun || confirm != "yes"
			out := cmd.OutOrStdout()
			if f.format == "text" {
				fmt.Fprintf(out, "%s\n", r.Table)
			}
			if err := f.run(cmd, "relabel", r.Task); err != nil || f.format != "text" {
				return err
			}
			relabelled(out, r, f.dryRun)
			return nil
		}),
	}
	f.register(c)
	c.Flags().StringVar(&host, "host", "", "the host that this machine is: a known name, or the path of a host.toml")
	c.Flags().StringVar(&root, "root", "/", "where the host's root is mounted, if another system runs")
	c.Flags().StringVar(&confirm, "confirm", "", "the word yes: do it")
	return c
}

// relabelled tells what is left to be done by hand.
func relabelled(w io.Writer, r *relabel.Relabelling, dryRun bool) {
	fmt.Fprintf(w, "\nthe lines of its hardware-configuration.nix:\n\n")
	for _, line := range r.Config {
		fmt.Fprintf(w, "  %s\n", line)
	}
	switch {
	case !r.Change:
		fmt.Fprintf(w, "\nevery label is as it should be\n")
	case dryRun:
		fmt.Fprintf(w, "\nnothing was done; --confirm yes does it\n")
	default:
		fmt.Fprintf(w, "\ndone; next: put these lines there, `nixos-rebuild switch`, and only then restart\n")
	}
}
