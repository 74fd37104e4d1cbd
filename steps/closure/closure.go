// Package closure brings the system's closure into the target's store.
package closure

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"auto-installer/internal/engine"
	"auto-installer/internal/nix/nixlog"
	"auto-installer/internal/sys"
)

// Options says what to bring where.
type Options struct {
	// Installable is what nix builds: FLAKE#attribute, or the store path of a
	// prebuilt toplevel.
	Installable string
	// Prebuilt takes everything from this machine's own store and asks no
	// network.
	Prebuilt bool
	Root     string // the target's mount point
	OutLink  string // symbolic link to make to the toplevel
	Live     string // the live system's root, normally "/"
	Env      []string
	// Mend looks first at what an unfinished install has brought: nix' database
	// outlives a power cut and a disk that fails to write, and may then call
	// paths valid whose files were never written out (nix.conf(5),
	// fsync-metadata and fsync-store-paths).
	Mend bool
}

func (o Options) tmp() string { return filepath.Join(o.Root, ".auto-installer-build") }

func build(o Options) sys.Cmd {
	argv := []string{
		"nix", "--extra-experimental-features", "nix-command flakes", "build", o.Installable,
		"--store", o.Root,
		// The derivations that say allowSubstitutes = false are on the
		// medium as well: do not build them again.
		"--option", "always-allow-substitutes", "true",
		// Without a network nix turns substitution off, even from this
		// machine's own store, unless it is told.
		"--option", "substitute", "true",
	}
	does := "build the system into the target's store"
	if o.Prebuilt {
		does = "copy the prebuilt system into the target's store"
		argv = append(argv, "--option", "substituters", "auto?trusted=1")
	} else {
		argv = append(argv, "--no-update-lock-file", "--extra-substituters", "auto?trusted=1")
	}
	argv = append(argv, "--log-format", "internal-json", "-v", "--out-link", o.OutLink)
	return o.nix(does, argv...)
}

// mend hashes every path of the target's store, and copies those again that are
// damaged. A path that was copied in half is not in the database: nix itself
// starts it from scratch.
func mend(o Options) sys.Cmd {
	argv := []string{
		"nix-store", "--store", o.Root, "--verify", "--check-contents", "--repair",
		"--option", "substitute", "true",
	}
	if o.Prebuilt {
		argv = append(argv, "--option", "substituters", "auto?trusted=1")
	} else {
		argv = append(argv, "--option", "extra-substituters", "auto?trusted=1")
	}
	return o.nix("verify the target's store, and repair it", argv...)
}

// nix is a command of nix. Builds are larger than a live system's memory: they go
// to the disk.
func (o Options) nix(does string, argv ...string) sys.Cmd {
	return sys.Cmd{Does: does, Argv: argv, Env: append([]string{"TMPDIR=" + o.tmp()}, o.Env...)}
}

// Ops build or copy, with real progress.
func Ops(o Options) []engine.Op {
	ops := []engine.Op{
		engine.Do("", o.makeTemp).Doing("making a folder for builds"),
		engine.Do("", func(context.Context, sys.System) error { return os.RemoveAll(o.tmp()) }).Doing("removing the folder for builds").Always(),
		// readlink -f of an out-link is empty where the live system has no store.
		engine.Do("", func(context.Context, sys.System) error {
			return os.MkdirAll(filepath.Join(o.Live, "nix/store"), 0o755)
		}).Doing("making /nix/store"),
	}
	if o.Mend {
		ops = append(ops, engine.Run(mend(o)).Tolerates(o.forget).
			Hint(sys.CodeWritten, "start over (--start-over): the store is then made again"))
	}
	b := build(o)
	return append(ops, engine.Together(sys.Actions(b), func(ctx context.Context, s sys.System) error {
		return nixlog.Run(ctx, s, b)
	}).Fails(func(err error) error {
		fault := sys.Incomplete(err, "to "+b.Does)
		if hint, _ := nixlog.Hint(err); hint != "" {
			fault.Hint = hint
		}
		return fault
	}), engine.Do("", func(_ context.Context, s sys.System) error {
		toplevel, err := os.Readlink(o.OutLink)
		if err == nil {
			s.Log("toplevel is " + toplevel)
		}
		return err
	}).Doing("finding what nix built"))
}

// forget removes nix' database of the target, when its store cannot be repaired:
// what nix does not know of, it copies again. It fails when that is there still.
func (o Options) forget(s sys.System, why error) bool {
	s.Log("the store cannot be repaired, so everything is copied again: " + why.Error())
	root, err := os.OpenRoot(o.Root)
	if err == nil {
		err = errors.Join(root.RemoveAll("nix/var/nix/db"), root.Close())
	}
	if err != nil {
		s.Log("removing its database: " + err.Error())
	}
	return err == nil
}

// makeTemp makes a new folder for builds: what has its name on a disk that was
// written to before is not followed.
func (o Options) makeTemp(context.Context, sys.System) error {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.Base(o.tmp())
	return errors.Join(root.RemoveAll(name), root.Mkdir(name, 0o700))
}
