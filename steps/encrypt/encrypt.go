// Package encrypt makes the LUKS2 container and opens it.
//
// The four functions format, open, close and test are all that the installer
// asks of LUKS. Each is one cryptsetup command.
package encrypt

import (
	"context"
	"errors"

	"auto-installer/internal/sys"
)

// Options says what to encrypt.
type Options struct {
	Device     string // the partition
	Label      string // LUKS2 label, at most 47 bytes
	Mapper     string // device-mapper name, below /dev/mapper
	Passphrase []byte // never in Actions, argv or a log
	// RecoveryKey opens the container too, by a second keyslot; nil: none.
	RecoveryKey []byte
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
	return sys.Cmd{
		Does: "close the LUKS container", Argv: []string{"cryptsetup", "close", o.Mapper},
		While: sys.Exists("/dev/mapper/" + o.Mapper),
	}
}

func addRecovery(o Options) sys.Cmd {
	c := stdin(sys.Cmd{
		Does: "add the recovery key",
		Argv: []string{
			"cryptsetup", "luksAddKey", "--batch-mode", "--pbkdf", "argon2id", "--key-file", "-", o.Device, "/dev/fd/3",
		},
	}, o.Passphrase)
	c.Extra, c.Secret = o.RecoveryKey, "passphrase; recovery key at descriptor 3"
	return c
}

func testCmd(o Options, what string, secret []byte) sys.Cmd {
	return stdin(sys.Cmd{
		Does: "try the " + what + " on the header",
		Argv: []string{
			"cryptsetup", "open", "--type", "luks2", "--test-passphrase", "--key-file", "-", o.Device,
		},
	}, secret)
}

// made is what makes the container, before it is opened.
func made(o Options) []sys.Cmd {
	cmds := []sys.Cmd{formatCmd(o), testCmd(o, "passphrase", o.Passphrase)}
	if o.RecoveryKey != nil {
		cmds = append(cmds, addRecovery(o), testCmd(o, "recovery key", o.RecoveryKey))
	}
	return cmds
}

// Actions is what Run will do.
func Actions(o Options) []sys.Action {
	return sys.Actions(append(made(o), openCmd(o))...)
}

// Run formats the partition, tries on what is now on the disk whatever shall
// open it, and opens it.
func Run(ctx context.Context, s sys.System, o Options) error {
	if err := sys.RunAll(ctx, s, made(o)); err != nil {
		return err
	}
	return reopen(ctx, s, o)
}

func reopen(ctx context.Context, s sys.System, o Options) error {
	if err := s.Do(ctx, openCmd(o), closeCmd(o)); err != nil {
		return sys.Incomplete(err, "opening the LUKS container")
	}
	return nil
}

// keys are the tests that Try makes.
func keys(o Options) []sys.Cmd {
	cmds := []sys.Cmd{testCmd(o, "passphrase", o.Passphrase)}
	if o.RecoveryKey != nil {
		cmds = append(cmds, testCmd(o, "recovery key", o.RecoveryKey))
	}
	return cmds
}

// TryActions is what Try will do.
func TryActions(o Options) []sys.Action {
	return sys.Actions(append([]sys.Cmd{dumpCmd(o)}, keys(o)...)...)
}

// noKey is cryptsetup's exit code for a passphrase that opens no keyslot
// (cryptsetup(8), "Return codes").
const noKey = 2

const hintAnother = "start over (--start-over): the container is then made again"

// Try makes sure that the container is such as Run makes, and that it opens with
// the keys: then only those who know one of them can have filled it. It writes
// nothing; a key that does not open it is a wrong answer.
func Try(ctx context.Context, s sys.System, o Options) error {
	out, err := s.Output(ctx, dumpCmd(o))
	if err != nil {
		return sys.WithHint(err, sys.CodeUnexpected, hintAnother, "to "+dumpCmd(o).Does)
	}
	if err := genuine(out); err != nil {
		return sys.Faultf(sys.CodeUsage, hintAnother, "the container on %s was not made by this installer: %w", o.Device, err)
	}
	for i, c := range keys(o) {
		err := s.Run(ctx, c)
		exit, failed := errors.AsType[*sys.ExitError](err)
		switch {
		case err == nil:
		case !failed || exit.Exit != noKey:
			return sys.WithHint(err, sys.CodeUnexpected, hintAnother, "to "+c.Does)
		case i == 0:
			return sys.Faultf(sys.CodeUsage, "give the passphrase of the unfinished install, or start over (--start-over)",
				"the passphrase does not open %s, which the unfinished install has encrypted", o.Device)
		default:
			return sys.Faultf(sys.CodeUsage, "leave it out: the recovery key of the unfinished install stays; or start over (--start-over)",
				"the recovery key does not open %s, which the unfinished install has encrypted", o.Device)
		}
	}
	return nil
}

// AgainActions is what Again will do.
func AgainActions(o Options) []sys.Action { return sys.Actions(openCmd(o)) }

// Again opens a container that an earlier Run made.
func Again(ctx context.Context, s sys.System, o Options) error { return reopen(ctx, s, o) }
