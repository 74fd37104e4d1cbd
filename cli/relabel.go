package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tasks/relabel"
)

func relabelCommand() *cobra.Command {
	var f taskFlags
	var host, root, confirm string
	c := &cobra.Command{
		Use: "relabel --host HOST", Short: "Give an installed host's disk the labels of its definition",
		Long: "Give the disk of an installed host the labels of its definition: those of the ESP, the\n" +
			"root, the LUKS container and the swap, and the names of the partitions. It prints the plan\n" +
			"and the lines for the host's hardware-configuration.nix; with --confirm yes it changes the\n" +
			"labels. If one change fails, or on Ctrl+C, it restores all old labels.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			if confirm != "" && confirm != "yes" {
				return notConfirmed("this command without --confirm")
			}
			h, err := loadHost(host)
			if err != nil {
				return err
			}
			if info, err := os.Stat(root); err != nil || !info.IsDir() {
				return sys.Usage("name the folder where the host's root is mounted", "--root: %s is not a folder", root)
			}
			if err := steps.NeedRoot(); err != nil {
				return err
			}
			task, layout, err := relabel.Plan(cmd.Context(), h, root)
			if err != nil {
				return err
			}
			f.dryRun = f.dryRun || confirm != "yes"
			out := cmd.OutOrStdout()
			if f.format == "text" {
				fmt.Fprintf(out, "%s\n", layout.Table())
			}
			if err := f.run(cmd, "relabel", task); err != nil || f.format != "text" {
				return err
			}
			relabelled(out, layout, f.dryRun)
			return nil
		}),
	}
	f.register(c)
	c.Flags().StringVar(&host, "host", "", "the host that this machine is: a known name, or a path to a host.toml")
	c.Flags().StringVar(&root, "root", "/", "where the host's root is mounted, if another system is running")
	c.Flags().StringVar(&confirm, "confirm", "", "the word yes; without it, the labels do not change")
	return c
}

// relabelled prints what the operator has to do next.
func relabelled(w io.Writer, l *relabel.Layout, dryRun bool) {
	fmt.Fprintf(w, "\nthe lines of its hardware-configuration.nix:\n\n")
	for _, line := range l.Config {
		fmt.Fprintf(w, "  %s\n", line)
	}
	switch {
	case len(l.Changes()) == 0:
		fmt.Fprintf(w, "\nall labels are correct\n")
	case dryRun:
		fmt.Fprintf(w, "\nnothing was changed; add --confirm yes to change the labels\n")
	default:
		fmt.Fprintf(w, "\ndone; next: put these lines there, run `nixos-rebuild switch`, and only then reboot\n")
	}
}
