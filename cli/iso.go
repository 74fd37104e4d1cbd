package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
	"auto-installer/tasks/iso"
)

func isoCommand() *cobra.Command {
	var f taskFlags
	var flake, outLink string
	c := &cobra.Command{
		Use: "iso HOST", Short: "Build a host's installer ISO",
		Long: "Build a host's installer ISO from the flake (`nix build .#HOSTInstallerIso`). Print its\n" +
			"path, the deploy key that it carries, and what to do next.",
		Args: cobra.ExactArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if err := hosts.CheckName(args[0]); err != nil {
				return sys.Usage("name the host as the flake does", "invalid host name %q: %v", args[0], err)
			}
			dir, err := filepath.Abs(flake)
			if err != nil {
				return err
			}
			link, err := filepath.Abs(outLink)
			if err != nil {
				return err
			}
			return f.run(cmd, "iso", iso.Plan(dir, args[0], link))
		}),
	}
	f.register(c)
	c.Flags().StringVar(&flake, "flake", ".", "the config repo, or a folder below it")
	c.Flags().StringVar(&flake, "repo", ".", "the same as --flake")
	c.MarkFlagsMutuallyExclusive("flake", "repo")
	c.Flags().StringVar(&outLink, "out-link", "result", "the path of the link to the result")
	return c
}
