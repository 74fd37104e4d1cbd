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
		Use: "plan --host HOST", Short: "Show the exact actions of an install, without doing any",
		Long: "Show the exact actions of an install in order, with the command lines that it will run.\n" +
			"Nothing is written. It works without root, and on a disk image: --disk disk.img.\n" +
			"The system of a prebuilt host need not be here: `install --plan` then takes the plan once --system or the medium tells its path.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			p, err := what.plan(cmd)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), p)
			}
			p.Warnings = append(p.Warnings, what.exposed()...) // not of the plan's JSON, which other answers may be given to
			engine.WritePlan(cmd.OutOrStdout(), p)
			return nil
		}),
	}
	what.register(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// plan makes a plan to be looked at: secrets stand in for those that would be
// asked for, and a name for the system that the medium of a prebuilt host carries.
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
	if host.LUKS.Enable && a.Passphrase == nil {
		a.Passphrase = []byte("not asked for by a dry run")
	}
	if host.Prebuilt && a.System == "" {
		a.WithoutSystem()
	}
	if a.Disk, err = steps.ChooseDisk(cmd.Context(), f.disk); err != nil {
		return nil, err
	}
	return f.makePlan(&a)
}
