// Package format creates the file systems and the swap signature.
package format

import (
	"errors"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says which device gets which label. Swap is empty without a swap, or if it stays
// unformatted for random encryption.
type Options struct {
	ESP, ESPLabel   string
	Root, RootLabel string // the partition, or the opened mapper
	Swap, SwapLabel string
}

// Ops create the file systems. They name devices by disk and number, so it does not matter
// if another disk has the same label.
//
// A resume keeps the file systems of the unfinished install and checks them. Damage that only
// an operator can repair is an error: the disk holds no data worth the risk, so starting over
// is safer.
func Ops(o Options) []engine.Op {
	ops := []engine.Op{
		// The kernel reports a failed write at the next sync (fsync(2)). Without this,
		// the last step would take an old failure for its own.
		engine.Run(sys.Cmd{Does: "clear reports of earlier failed writes", Argv: []string{"sync", o.ESP, o.Root}}).
			Tolerates(func(s sys.System, _ error) bool {
				s.Log("the failure is an earlier one; the checks below cover what is on the disk now")
				return true
			}),
		engine.Run(sys.Cmd{Does: "format the ESP", Argv: []string{"mkfs.vfat", "-F", "32", "-n", o.ESPLabel, o.ESP}}).Once(),
		engine.Run(sys.Cmd{Does: "format the root", Argv: []string{"mkfs.ext4", "-q", "-L", o.RootLabel, o.Root}}).Once(),
	}
	if o.Swap != "" {
		ops = append(ops, engine.Run(sys.Cmd{Does: "format the swap", Argv: []string{"mkswap", "-L", o.SwapLabel, o.Swap}}).Once())
	}
	return append(ops,
		engine.Run(sys.Cmd{Does: "wait for udev to find the labels", Argv: []string{"udevadm", "settle"}}).Once(),
		// A power cut leaves the ESP's dirty flag and lost clusters, and the root's
		// journal. fsck.fat does not say whether it has repaired everything, so it checks
		// the ESP once more.
		check("check the ESP", "fsck.fat", "-a", o.ESP).Tolerates(repaired),
		check("verify that the ESP is sound", "fsck.fat", "-n", o.ESP),
		check("check the root", "e2fsck", "-p", o.Root).Tolerates(repaired))
}

func check(does string, argv ...string) engine.Op {
	return engine.Run(sys.Cmd{Does: does, Argv: argv}).OnResume().
		Hint(sys.CodeWritten, "start over (--start-over): that creates new file systems")
}

// repaired returns whether fsck.fat(8) or e2fsck(8) found damage and repaired it (exit code
// 1).
func repaired(s sys.System, err error) bool {
	exit, failed := errors.AsType[*sys.ExitError](err)
	if failed && exit.Exit == 1 {
		s.Log("found damage and repaired it")
		return true
	}
	return false
}
