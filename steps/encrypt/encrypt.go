// Package encrypt creates the LUKS2 container and opens it. Each of its commands is one
// cryptsetup command.
package encrypt

import (
	"errors"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says what is encrypted, and with which keys.
type Options struct {
	Device     string // the partition
	Label      string // LUKS2 label, at most 47 bytes
	Mapper     string // device-mapper name, below /dev/mapper
	Passphrase []byte // never in a plan, argv or a log
	// RecoveryKey opens the container too, in a second keyslot; nil for none.
	RecoveryKey []byte
}

func stdin(c sys.Cmd, passphrase []byte) sys.Cmd {
	c.Stdin, c.Secret = passphrase, "passphrase"
	return c
}

func formatCmd(o Options) sys.Cmd {
	return stdin(sys.Cmd{
		Does: "create the LUKS2 container",
		Argv: []string{
			"cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "argon2id",
			"--label", o.Label, "--key-file", "-", o.Device,
		},
	}, o.Passphrase)
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

// Ops format the partition, try every key on the header that is now on the disk, and open the
// container. A resume only opens it.
func Ops(o Options) []engine.Op {
	open := stdin(sys.Cmd{
		Does: "open the LUKS2 container",
		Argv: []string{
			"cryptsetup", "open", "--type", "luks2", "--allow-discards", "--key-file", "-", o.Device, o.Mapper,
		},
	}, o.Passphrase)
	shut := sys.Cmd{
		Does: "close the LUKS container", Argv: []string{"cryptsetup", "close", o.Mapper},
		While: sys.Exists("/dev/mapper/" + o.Mapper),
	}
	ops := []engine.Op{engine.Run(formatCmd(o)).Once()}
	for i, k := range keys(o) {
		if i == 1 {
			ops = append(ops, engine.Run(addRecovery(o)).Once())
		}
		ops = append(ops, engine.Run(testCmd(o, k.what, k.secret)).Once())
	}
	return append(ops, engine.RunUndone(open, shut).Doing("opening the LUKS container"))
}

// key is a secret that opens the container, and what to do if it does not.
type key struct {
	what   string
	secret []byte
	wrong  string
}

func keys(o Options) []key {
	list := []key{{"passphrase", o.Passphrase, "give the passphrase of the unfinished install, or start over (--start-over)"}}
	if o.RecoveryKey != nil {
		list = append(list, key{
			"recovery key", o.RecoveryKey, "leave the recovery key out: that of the unfinished install stays; or start over (--start-over)",
		})
	}
	return list
}

// noKey is cryptsetup's exit code for a passphrase that opens no keyslot
// (cryptsetup(8), "Return codes").
const noKey = 2

const hintAnother = "start over (--start-over): that creates a new container"

// TryOps verify that the container is like one of Ops, and that the keys open it: then only
// someone with one of the keys can have filled it. They write nothing. A key that does not
// open it is a wrong answer of the operator.
func TryOps(o Options) []engine.Op {
	ops := []engine.Op{engine.Read(dumpCmd(o), func(_ sys.System, out []byte) error {
		if err := genuine(out); err != nil {
			return sys.Faultf(sys.CodeUsage, hintAnother, "the container on %s was not made by this installer: %w", o.Device, err)
		}
		return nil
	}).Hint(sys.CodeUnexpected, hintAnother)}
	for _, k := range keys(o) {
		c := testCmd(o, k.what, k.secret)
		ops = append(ops, engine.Run(c).Fails(func(err error) error {
			if exit, failed := errors.AsType[*sys.ExitError](err); failed && exit.Exit == noKey {
				return sys.Faultf(sys.CodeUsage, k.wrong,
					"the %s does not open %s, which the unfinished install encrypted", k.what, o.Device)
			}
			return sys.WithHint(err, sys.CodeUnexpected, hintAnother, "to "+c.Does)
		}))
	}
	return ops
}
