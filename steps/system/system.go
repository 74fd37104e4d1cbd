// Package system makes the closure the system of the target, boot loader and
// all.
package system

import (
	"context"
	"os"
	"strings"

	"auto-installer/internal/sys"
)

// Options says which system is installed where.
type Options struct {
	Toplevel string // store path, or the out-link that leads to it
	Root     string // the target's mount point
}

func install(o Options, toplevel string) sys.Cmd {
	return sys.Cmd{
		Does: "make it the system, with its boot loader",
		Argv: []string{
			"nixos-install", "--system", toplevel, "--root", o.Root,
			"--no-root-passwd", "--no-channel-copy", "--cores", "0",
			// The closure is there: ask no network for it again.
			"--option", "substituters", "auto?trusted=1",
		},
	}
}

// Actions is what Run will do.
func Actions(o Options) []sys.Action {
	toplevel := o.Toplevel
	if !isStorePath(toplevel) {
		// Known only once it is built: a link that is there now is of an
		// earlier install.
		toplevel = "<toplevel>"
	}
	return sys.Actions(install(o, toplevel))
}

// Run installs. A boot loader that cannot be written is a failure.
func Run(ctx context.Context, s sys.System, o Options) error {
	toplevel, err := resolve(o)
	if err != nil {
		return sys.Incomplete(err, "finding the system to install")
	}
	if err := s.Run(ctx, install(o, toplevel)); err != nil {
		return sys.Incomplete(err, "nixos-install")
	}
	return nil
}

// resolve follows the out-link. A store path is taken as it is: it lives in
// the target's store, not in this machine's.
func resolve(o Options) (string, error) {
	if isStorePath(o.Toplevel) {
		return o.Toplevel, nil
	}
	return os.Readlink(o.Toplevel)
}

func isStorePath(name string) bool { return strings.HasPrefix(name, "/nix/store/") }
