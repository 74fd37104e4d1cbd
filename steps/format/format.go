// Package format makes the file systems and the swap signature.
package format

import (
	"errors"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says which device gets which label. Swap is empty if there is none
// or it is left unformatted for random encryption.
type Options struct {
	ESP, ESPLabel   string
	Root, RootLabel string // the partition, or the opened mapper
	Swap, SwapLabel string
}

// Ops make the file systems. The devices are named by disk and number, so a
// label that another disk has too does no harm here.
//
// A resume keeps the file systems that an earlier install made, and checks them.
// What only a person can repair is an error: the disk holds nothing of worth
// yet, so starting over is safer.
func Ops(o Options) []engine.Op {
	ops := []engine.Op{
		// The kernel reports a write that failed to the next sync (fsync(2)): the
		// last step would take it for its own.
		engine.Run(sys.Cmd{Does: "clear reports of writes that failed before", Argv: []string{"sync", o.ESP, o.Root}}).
			Tolerates(func(s sys.System, _ error) bool {
				s.Log("that was before; what is there now is checked below")
				return true
			}),
		engine.Run(sys.Cmd{Does: "format the ESP", Argv: []string{"mkfs.vfat", "-F", "32", "-n", o.ESPLabel, o.ESP}}).Once(),
		engine.Run(sys.Cmd{Does: "format the root", Argv: []string{"mkfs.ext4", "-q", "-L", o.RootLabel, o.Root}}).Once(),
	}
	if o.Swap != "" {
		ops = append(ops, engine.Run(sys.Cmd{Does: "format the swap", Argv: []string{"mkswap", "-L", o.SwapLabel, o.Swap}}).Once())
	}
	return append(ops,
		engine.Run(sys.Cmd{Does: "wait for the labels to be known", Argv: []string{"udevadm", "settle"}}).Once(),
		// A power cut leaves the ESP's dirty flag and lost clusters, and the root's
		// journal. fsck.fat does not say whether it repaired all that it found, so
		// the ESP is read once more.
		check("check the ESP", "fsck.fat", "-a", o.ESP).Tolerates(repaired),
		check("verify that the ESP is sound", "fsck.fat", "-n", o.ESP),
		check("check the root", "e2fsck", "-p", o.Root).Tolerates(repaired))
}

func check(does string, argv ...string) engine.Op {
	return engine.Run(sys.Cmd{Does: does, Argv: argv}).OnResume().
		Hint(sys.CodeWritten, "start over (--start-over): the file systems are then made again")
}

// repaired tells whether fsck.fat(8) or e2fsck(8) found something and repaired
// it: exit code 1.
func repaired(s sys.System, err error) bool {
	exit, failed := errors.AsType[*sys.ExitError](err)
	if failed && exit.Exit == 1 {
		s.Log("found damage, and repaired it")
		return true
	}
	return false
}
