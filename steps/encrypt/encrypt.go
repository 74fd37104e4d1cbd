// Package encrypt makes the LUKS2 container and opens it.
//
// The four functions format, open, close and test are all that the installer
// asks of LUKS. Each is one cryptsetup command.
package encrypt

import (
	"context"

	"auto-installer/steps/internal/sys"
)

// Options says what to encrypt.
type Options struct {
	Device     string // the partition
	Label      string // LUKS2 label, at most 47 bytes
	Mapper     string // device-mapper name, below /dev/mapper
	Passphrase []byte // never in Actions, argv or a log
}

func stdin(c sys.Cmd, passphrase []byte) sys.Cmd {
	c.Stdin, c.Secret = passphrase, "passphrase"
	return c
}

func formatCmd(o Options) sys.Cmd {
	return stdin(sys.Cmd{
		Does: "make the LUKS2 container",
		Argv: []string{
			"cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "argon2id",
			"--label", o.Label, "--key-file", "-", o.Device,
		},
	}, o.Passphrase)
}

func openCmd(o Options) sys.Cmd {
	return stdin(sys.Cmd{
		Does: "open it",
		Argv: []string{
			"cryptsetup", "open", "--type", "luks2", "--allow-discards", "--key-file", "-", o.Device, o.Mapper,
		},
	}, o.Passphrase)
}

func closeCmd(o Options) sys.Cmd {
	return sys.Cmd{Does: "close the LUKS container", Argv: []string{"cryptsetup", "close", o.Mapper}}
}

func testCmd(o Options) sys.Cmd {
	return stdin(sys.Cmd{
		Does: "try the passphrase on the header",
		Argv: []string{
			"cryptsetup", "open", "--type", "luks2", "--test-passphrase", "--key-file", "-", o.Device,
		},
	}, o.Passphrase)
}

// Actions is what Run will do.
func Actions(o Options) []sys.Action {
	return sys.Actions(formatCmd(o), testCmd(o), openCmd(o))
}

// Run formats the partition, tries the passphrase on what is now on the disk,
// and opens the container.
func Run(ctx context.Context, s sys.System, o Options) error {
	if err := s.Run(ctx, formatCmd(o)); err != nil {
		return sys.Incomplete(err, "making the LUKS container on "+o.Device)
	}
	if err := s.Run(ctx, testCmd(o)); err != nil {
		return sys.WithHint(err, sys.CodeWritten, "the header on the disk does not open with the passphrase; the disk may be failing",
			"trying the passphrase")
	}
	if err := s.Do(ctx, openCmd(o), closeCmd(o)); err != nil {
		return sys.Incomplete(err, "opening the LUKS container")
	}
	return nil
}
