package cli

import (
	"io"

	"github.com/spf13/cobra"

	"auto-installer/internal/disk/choice"
	"auto-installer/steps"
)

func disksCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "disks", Short: "List all disks: which one an install takes, and why others are refused",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			verdicts, err := steps.Disks(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), verdicts)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), choice.Table(verdicts, width()))
			return err
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
