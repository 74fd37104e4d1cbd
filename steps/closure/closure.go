// Package closure builds or copies the system into the target's store.
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

// Options says which system goes where.
type Options struct {
	// Installable is what nix builds: FLAKE#attribute, or the store path of a
	// prebuilt toplevel.
	Installable string
	// Prebuilt copies everything from this machine's own store and needs no network.
	Prebuilt bool
	Root     string // the target's mount point
	OutLink  string // the symbolic link to the toplevel that nix makes
	Live     string // the live system's root, normally "/"
	Env      []string
	// Repair first verifies what an unfinished install has copied. nix' database may
	// survive a power cut or a failing disk, and list paths as valid whose files were
	// never written out (nix.conf(5), fsync-metadata and fsync-store-paths).
	Repair bool
}

func (o Options) tmp() string { return filepath.Join(o.Root, ".auto-installer-build") }

func build(o Options) sys.Cmd {
	argv := []string{
		"nix", "--extra-experimental-features", "nix-command flakes", "build", o.Installable,
		"--store", o.Root,
		// The derivations with allowSubstitutes = false are on the medium too: copy them,
		// do not build them.
		"--option", "always-allow-substitutes", "true",
		// Without this, nix does not substitute when it has no network, not even from
		// this machine's own store.
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

// repair hashes every path of the target's store and copies damaged ones again. A path that
// was copied in part is not in the database: nix copies it again anyway.
func repair(o Options) sys.Cmd {
	argv := []string{
		"nix-store", "--store", o.Root, "--verify", "--check-contents", "--repair",
		"--option", "substitute", "true",
	}
	if o.Prebuilt {
		argv = append(argv, "--option", "substituters", "auto?trusted=1")
	} else {
		argv = append(argv, "--option", "extra-substituters", "auto?trusted=1")
	}
	return o.nix("verify and repair the target's store", argv...)
}

// nix returns a command of nix. Builds may exceed the live system's memory, so their folder
// is on the target.
func (o Options) nix(does string, argv ...string) sys.Cmd {
	return sys.Cmd{Does: does, Argv: argv, Env: append([]string{"TMPDIR=" + o.tmp()}, o.Env...)}
}

// Ops build or copy the system, and report progress.
func Ops(o Options) []engine.Op {
	ops := []engine.Op{
		engine.Do("", o.makeTemp).Doing("making a folder for builds"),
		engine.Do("", func(context.Context, sys.System) error { return os.RemoveAll(o.tmp()) }).Doing("removing the folder for builds").Always(),
		// readlink -f of an out-link is empty if the live system has no /nix/store.
		engine.Do("", func(context.Context, sys.System) error {
			return os.MkdirAll(filepath.Join(o.Live, "nix/store"), 0o755)
		}).Doing("making /nix/store"),
	}
	if o.Repair {
		ops = append(ops, engine.Run(repair(o)).Tolerates(o.dropDatabase).
			Hint(sys.CodeWritten, "start over (--start-over): that creates a new store"))
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
	}).Doing("reading the link to the system"))
}

// dropDatabase removes nix' database of a target whose store cannot be repaired. Without it,
// nix copies everything again. It returns false if the database cannot be removed.
func (o Options) dropDatabase(s sys.System, why error) bool {
	s.Log("cannot repair the store, so everything is copied again: " + why.Error())
	root, err := os.OpenRoot(o.Root)
	if err == nil {
		err = errors.Join(root.RemoveAll("nix/var/nix/db"), root.Close())
	}
	if err != nil {
		s.Log("removing the store's database: " + err.Error())
	}
	return err == nil
}

// makeTemp creates the folder for builds. It removes whatever has that name on a disk that
// was written to before, and follows no link.
func (o Options) makeTemp(context.Context, sys.System) error {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.Base(o.tmp())
	return errors.Join(root.RemoveAll(name), root.Mkdir(name, 0o700))
}
