package cli

import (
	"github.com/spf13/cobra"

	"auto-installer/secrets"
	"auto-installer/tasks/rekey"
)

func rekeyCommand() *cobra.Command {
	var f taskFlags
	var identities []string
	var rules string
	var check bool
	c := &cobra.Command{
		Use: "rekey", Short: "Re-encrypt the secrets to the recipients that their rules name",
		Long: "Re-encrypt the secrets of a flake to the recipients that agenix' rules name. Everything is\n" +
			"decrypted in memory first; then the files are replaced, each as a whole. Files that are for\n" +
			"the right recipients already stay as they are. If it is interrupted, run it again.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			r := rekey.Request{Dir: ".", Rules: rules, Check: check, Looking: f.dryRun}
			var err error
			if check { // worth no question: most of it shows without a key
				r.Held, err = readHeld(identities, func(string) ([]byte, error) { return nil, secrets.ErrNeedsPassphrase })
			} else {
				r.Held, err = heldKeys(identities)
			}
			if err != nil {
				return err
			}
			plan, err := rekey.Plan(cmd.Context(), r)
			if err != nil {
				return err
			}
			plan.Warnings = append(plan.Warnings, exposed(keyFiles(identities)...)...)
			return f.run(cmd, "rekey", plan)
		}),
	}
	f.register(c)
	c.Flags().StringArrayVarP(&identities, "identity", "i", nil, "a private key that opens the secrets: of age or ssh; may be given several times; default: ~/.ssh/id_ed25519 and id_rsa")
	c.Flags().StringVar(&rules, "rules", "", "agenix' rules, or the same as .json; default $RULES, else secrets.nix, else secrets/secrets.nix")
	c.Flags().BoolVar(&check, "check", false, "only see that everyone can open what the rules give them; exit code 7 if not")
	return c
}
