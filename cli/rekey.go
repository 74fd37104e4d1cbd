package cli

import (
	"github.com/spf13/cobra"

	"auto-installer/cli/secret"
	"auto-installer/secrets"
	"auto-installer/tasks/rekey"
)

func rekeyCommand() *cobra.Command {
	var f taskFlags
	var identities []string
	var rules string
	var check bool
	c := &cobra.Command{
		Use: "rekey", Short: "Re-encrypt the secrets to the recipients in their rules",
		Long: "Re-encrypt the secrets of a flake to the recipients that agenix' rules name. It decrypts\n" +
			"everything in memory first, then replaces the files, each atomically. A file that certainly\n" +
			"has the right recipients stays as it is. After an interruption, run it again.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			r := rekey.Request{Dir: ".", Rules: rules, Check: check, Looking: f.dryRun}
			ask := secret.Ask
			if check { // without asking: most checks need no key
				ask = func(string) ([]byte, error) { return nil, secrets.ErrNeedsPassphrase }
			}
			var err error
			if r.Held, err = secret.Held(identities, ask); err != nil {
				return err
			}
			plan, err := rekey.Plan(cmd.Context(), r)
			if err != nil {
				return err
			}
			plan.Warnings = append(plan.Warnings, secret.Exposed(secret.KeyFiles(identities)...)...)
			return f.run(cmd, "rekey", plan)
		}),
	}
	f.register(c)
	c.Flags().StringArrayVarP(&identities, "identity", "i", nil, "an age or ssh private key that decrypts the secrets; can be repeated; default: ~/.ssh/id_ed25519 and id_rsa")
	c.Flags().StringVar(&rules, "rules", "", "agenix' rules, as .nix or .json; default $RULES, else secrets.nix, else secrets/secrets.nix")
	c.Flags().BoolVar(&check, "check", false, "only check that every recipient in the rules can decrypt its secrets; exit code 7 if not")
	return c
}
