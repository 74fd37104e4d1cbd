package cli

import (
	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/steps"
)

func planCommand() *cobra.Command {
	var what installFlags
	var asJSON bool
	c := &cobra.Command{
		Use: "plan --host HOST", Short: "Show every action of an install and do none",
		Long: "Show every action of an install in order, with its command lines. Nothing is written.\n" +
			"It works without root, and on a disk image: --disk disk.img. It also works without the\n" +
			"system of a prebuilt host; `install --plan` then gets its path from --system or the medium.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			p, err := what.plan(cmd)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), p)
			}
			p.Warnings = append(p.Warnings, what.exposed()...) // not in the JSON: its install may read other files
			engine.WritePlan(cmd.OutOrStdout(), &p.Plan)
			return nil
		}),
	}
	what.register(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// plan makes a plan to show. A placeholder stands for a passphrase that is not given, and
// a name for the system of a prebuilt host that is not here.
func (f *installFlags) plan(cmd *cobra.Command) (*steps.Install, error) {
	host, err := loadHost(f.host)
	if err != nil {
		return nil, err
	}
	a, err := f.answers(host)
	if err != nil {
		return nil, err
	}
	defer a.Wipe()
	if host.Prebuilt && a.System == "" {
		a.WithoutSystem()
	}
	if a.Disk, err = steps.ChooseDisk(cmd.Context(), f.disk); err != nil {
		return nil, err
	}
	f.warnOfUnfinished(&a)
	return steps.Preview(a, f.paths())
}
