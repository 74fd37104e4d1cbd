package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age/plugin"
	"github.com/spf13/cobra"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
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

// heldKeys reads the private keys that are to open secrets, or agenix' default
// ones if none are named.
func heldKeys(files []string) ([]*secrets.Held, error) { return readHeld(files, askPassphrase) }

func readHeld(files []string, ask func(question string) ([]byte, error)) ([]*secrets.Held, error) {
	named := len(files) > 0
	files = keyFiles(files)
	var held []*secrets.Held
	for _, file := range files {
		data, err := readSecretFile("--identity", file)
		if err != nil {
			return nil, err
		}
		keys, err := secrets.ParseHeld(data, secrets.Ask{
			Passphrase: func() ([]byte, error) { return ask("Passphrase of " + file) },
			Plugin:     plugin.NewTerminalUI(func(string, ...any) {}, func(string, ...any) {}),
		})
		clear(data)
		switch {
		case err == nil:
			held = append(held, keys...)
		case errors.Is(err, errNotTyped):
			return nil, engine.Usage("type it, or name other keys with --identity", "%s: %v", file, err)
		case named && errors.Is(err, secrets.ErrPublic):
			return nil, engine.Usage(privateOf(file), "--identity %s: %v", file, err)
		case named:
			return nil, engine.Usage("name an age identity file or an ssh-ed25519 or ssh-rsa private key", "--identity %s: %v", file, err)
		}
	}
	return held, nil
}

// privateOf says which file is meant instead of a public key's.
func privateOf(file string) string {
	private, isPub := strings.CutSuffix(file, ".pub")
	if _, err := os.Stat(private); isPub && err == nil {
		return "name the private key: --identity " + sys.Quote([]string{private})
	}
	return "name the private key that belongs to it"
}

// keyFiles are the private keys that were named, else the default ones.
func keyFiles(named []string) []string {
	if len(named) > 0 {
		return named
	}
	return defaultKeys()
}

// defaultKeys are the private keys that agenix uses if none are named.
func defaultKeys() []string {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	var files []string
	for _, name := range []string{"id_ed25519", "id_rsa"} {
		file := filepath.Join(home, ".ssh", name)
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
		}
	}
	return files
}
