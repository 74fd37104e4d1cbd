// Package cli holds the program's commands, one a file. The files that all commands
// share are cli.go (the list), errors.go, ask.go and output.go; keys and passphrases are
// read by package secret.
package cli

import (
	"context"
	"errors"
	"io"
	"os"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"auto-installer/internal/engine"
)

// Program is the program's name plate.
type Program struct {
	Banner  string
	Version string
}

var program Program

// Main runs the program with its command line, and returns its exit code.
func Main(p Program) int {
	program = p
	// Other users cannot dump or debug the process, so they cannot read the secrets
	// (prctl(2), PR_SET_DUMPABLE). It cannot fail on a supported kernel.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	// The memory with the secrets is never swapped out, not even to the target's swap.
	// Without root it fails beyond a small limit (mlock(2)), so only root tries.
	if os.Geteuid() == 0 {
		_ = unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
	}
	return run(os.Args[1:], os.Stdout, os.Stderr)
}

// run is Main with the parameters that a test sets.
func run(args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:   "auto-installer",
		Short: "Install a NixOS host from its flake, and prove that it will boot",
		Long:  program.Banner + "\nInstalls a NixOS host from its flake. It checks everything that can fail before the\nfirst write, and reports success only after the boot proof.",
	}
	var full screens
	full.register(root)
	root.Args = cobra.NoArgs
	root.RunE = does(full.run)
	root.AddCommand(disksCommand(), planCommand(), installCommand(), engineCommand(), followCommand(), hostsCommand(), isoCommand(), ageFromSSHCommand(), newHostCommand(), rekeyCommand(), flashCommand(), relabelCommand(), proveBootCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := fang.Execute(context.Background(), root,
		fang.WithVersion(program.Version),
		fang.WithErrorHandler(func(w io.Writer, _ fang.Styles, err error) {
			if _, ok := errors.AsType[alreadyShown](err); !ok {
				engine.WriteError(w, asError(err))
			}
		}))
	if err == nil {
		return 0
	}
	if shown, ok := errors.AsType[alreadyShown](err); ok {
		return int(shown.code)
	}
	return int(asError(err).Code)
}
