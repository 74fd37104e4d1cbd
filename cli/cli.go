// Package cli is the program's commands: a file a command. What all of them
// share is in files of their own: cli.go (the list), errors.go, ask.go,
// secrets.go, output.go.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"auto-installer/internal/engine"
)

// Program is what the program says of itself.
type Program struct {
	Banner  string
	Version string
}

var program Program

// Main runs the program with its command line, and returns its exit code.
func Main(p Program) int {
	program = p
	// No core dump and no debugger of another user sees the secrets. A kernel
	// without it (prctl(2), PR_SET_DUMPABLE) is not one that we run on.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	// Nor does swap, not even that of the target. Without the right to lock any
	// amount it fails, and there is nothing to be done (mlock(2)).
	if os.Geteuid() == 0 {
		_ = unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
	}
	return run(os.Args[1:], os.Stdout, os.Stderr)
}

// run is main with everything that a test wants to hold.
func run(args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:   "auto-installer",
		Short: "Install a NixOS host from its flake, and prove that it will start",
		Long:  program.Banner + "\nInstalls a NixOS host from its flake: everything that can fail is tried before the\nfirst write, and nothing is called done before the boot chain is proven.",
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
		fang.WithVersion(program.Version), fang.WithCommit(commit()),
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

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
