package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"auto-installer/cli/secret"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

func ageFromSSHCommand() *cobra.Command {
	var public bool
	c := &cobra.Command{
		Use: "age-from-ssh FILE", Short: "Convert an ssh-ed25519 key to an age identity, like ssh-to-age",
		Long: "Convert an ssh-ed25519 private key to an age identity and print it. With --public, print\n" +
			"the recipient of each public key in FILE, like ssh-to-age: FILE is a .pub file, or the\n" +
			"output of ssh-keyscan.",
		Args: cobra.ExactArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			key, err := secret.ReadFile("FILE", args[0])
			if err != nil {
				return err
			}
			defer clear(key)
			if public {
				return printRecipients(cmd, key)
			}
			id, err := secrets.FromSSH(key, func() ([]byte, error) { return secret.Ask("Passphrase of " + args[0]) })
			if err != nil {
				return notSSH(err)
			}
			defer id.Wipe()
			_, err = cmd.OutOrStdout().Write(id.File())
			return err
		}),
	}
	c.Flags().BoolVar(&public, "public", false, "print the recipient of each public key, or of a private key")
	return c
}

// printRecipients prints the recipient of each public key line, or of a private key.
func printRecipients(cmd *cobra.Command, key []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(key), []byte("-----BEGIN ")) {
		id, err := secrets.FromSSH(key, func() ([]byte, error) { return nil, secrets.ErrNeedsPassphrase })
		if err != nil {
			return notSSH(err)
		}
		defer id.Wipe()
		_, err = fmt.Fprintln(cmd.OutOrStdout(), id.Recipient())
		return err
	}
	recipients, skipped, err := secrets.RecipientsFromSSH(key)
	if err != nil {
		return notSSH(err)
	}
	if skipped > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: skipped %d keys of other types: only an ssh-ed25519 key has an age recipient\n", skipped)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(recipients, "\n"))
	return err
}

func notSSH(err error) error {
	switch {
	case errors.Is(err, secrets.ErrWrongPassphrase):
		return sys.Usage("type it again", "%v", err)
	case errors.Is(err, secret.ErrNotTyped):
		return sys.Usage("run it again, or give the public key with --public", "%v", err)
	case errors.Is(err, secrets.ErrPublic):
		return sys.Usage("name the private key, or add --public for the recipient", "%v", err)
	case errors.Is(err, secrets.ErrNeedsPassphrase):
		return sys.Usage("run it on a terminal, or give the public key with --public", "cannot read the key: %v", err)
	}
	return sys.Usage("name an ssh-ed25519 key, such as ~/.ssh/id_ed25519 or /etc/ssh/ssh_host_ed25519_key", "%v", err)
}
