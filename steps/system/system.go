// Package system activates the system on the target and installs its boot loader.
package system

import (
	"context"
	"os"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says which system is installed where.
type Options struct {
	Toplevel string // store path, or the out-link that leads to it
	Root     string // the target's mount point
}

// unknown is the placeholder in the plan for a path that is known only after the build.
const unknown = "<toplevel>"

func install(o Options, toplevel string) sys.Cmd {
	return sys.Cmd{
		Does: "activate the system and install its boot loader",
		Argv: []string{
			"nixos-install", "--system", toplevel, "--root", o.Root,
			"--no-root-passwd", "--no-channel-copy", "--cores", "0",
			// The closure is in the store: use no network.
			"--option", "substituters", "auto?trusted=1",
		},
	}
}

// Ops install the system. A boot loader that cannot be written is a failure.
func Ops(o Options) []engine.Op {
	shown := o.Toplevel
	if !isStorePath(shown) {
		shown = unknown // a link that exists now is of an earlier install
	}
	return []engine.Op{engine.Together(sys.Actions(install(o, shown)), func(ctx context.Context, s sys.System) error {
		toplevel, err := o.toplevel()
		if err != nil {
			return err
		}
		return s.Run(ctx, install(o, toplevel))
	}).Doing("nixos-install")}
}

// toplevel follows the out-link. It returns a store path as it is, because that is in the
// target's store, not in this machine's.
func (o Options) toplevel() (string, error) {
	if isStorePath(o.Toplevel) {
		return o.Toplevel, nil
	}
	return os.Readlink(o.Toplevel)
}

func isStorePath(name string) bool { return strings.HasPrefix(name, "/nix/store/") }
