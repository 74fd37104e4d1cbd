// Package closure brings the system's closure into the target's store.
package closure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
	if !o.Prebuilt {
		argv = append(argv, "--no-update-lock-file")
	}
	if o.Prebuilt {
		does = "copy the prebuilt system into the target's store"
		argv = append(argv, "--option", "substituters", "auto?trusted=1")
	} else {
		argv = append(argv, "--extra-substituters", "auto?trusted=1")
	}
	argv = append(argv, "--log-format", "internal-json", "-v", "--out-link", o.OutLink)
	// Builds are larger than a live system's memory: they go to the disk.
	return sys.Cmd{Does: does, Argv: argv, Env: append([]string{"TMPDIR=" + o.tmp()}, o.Env...)}
}

// mend hashes every path of the target's store, and brings those anew that are
// not as they were built. What was copied in half is not in the database, and
// is nobody's business but nix' own: it begins such a path from scratch.
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
	return sys.Cmd{
		Does: "see that what the target's store has is whole, and mend it",
		Argv: argv, Env: append([]string{"TMPDIR=" + o.tmp()}, o.Env...),
	}
}

// mendOrForget leaves a store that nix can go on with. A database that was torn
// itself, or a path that cannot be brought anew by itself, costs the whole copy:
// what nix does not know of, it makes anew.
func mendOrForget(ctx context.Context, s sys.System, o Options) error {
	err := s.Run(ctx, mend(o))
	if err == nil || ctx.Err() != nil {
		return err
	}
	s.Log("that cannot be mended, so all is brought anew: " + err.Error())
	root, err := os.OpenRoot(o.Root)
	if err == nil {
		err = errors.Join(root.RemoveAll("nix/var/nix/db"), root.Close())
	}
	if err != nil {
		return sys.WithHint(err, sys.CodeWritten, "start over (--start-over): the store is then made anew", "to forget what the target's store has")
	}
	return nil
}

func cmds(o Options) []sys.Cmd {
	if o.Mend {
		return []sys.Cmd{mend(o), build(o)}
	}
	return []sys.Cmd{build(o)}
}

// Actions is what Run will do.
func Actions(o Options) []sys.Action { return sys.Actions(cmds(o)...) }

// makeTemp makes a new folder for builds: what has its name on a disk that was
// written to before is not followed.
func makeTemp(o Options) error {
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.Base(o.tmp())
	return errors.Join(root.RemoveAll(name), root.Mkdir(name, 0o700))
}

// Run builds or copies, with real progress.
func Run(ctx context.Context, s sys.System, o Options) error {
	if err := makeTemp(o); err != nil {
		return sys.Incomplete(err, "making a folder for builds")
	}
	defer os.RemoveAll(o.tmp())
	// readlink -f of an out-link is empty where the live system has no store.
	if err := os.MkdirAll(filepath.Join(o.Live, "nix/store"), 0o755); err != nil {
		return sys.Incomplete(err, "making /nix/store")
	}
	if o.Mend {
		if err := mendOrForget(ctx, s, o); err != nil {
			return err
		}
	}
	if err := nixlog.Run(ctx, s, build(o)); err != nil {
		fault := sys.Incomplete(err, "to "+build(o).Does)
		if hint, _ := nixlog.Hint(err); hint != "" {
			fault.Hint = hint
		}
		return fault
	}
	toplevel, err := os.Readlink(o.OutLink)
	if err != nil {
		return sys.Incomplete(err, "finding what nix built")
	}
	s.Log(fmt.Sprintf("toplevel is %s", toplevel))
	return nil
}
