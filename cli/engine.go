package cli

import (
	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// engineCommand is started by the screens, in a session of its own. It installs with
// the answers that they hand over.
func engineCommand() *cobra.Command {
	return &cobra.Command{
		Use: "engine", Hidden: true, Short: "Install with the answers of the screens", Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			h, err := steps.TakeHandover()
			if err != nil {
				return err
			}
			defer h.Wipe()
			return runInstall(cmd.Context(), h.Paths, func(engine.Event) {}, h.Plan)
		}),
	}
}
