// Package mount mounts the new system and makes the host's extra directories.
package mount

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says what goes where.
type Options struct {
	Root     string // device
	ESP      string // device
	Swap     string // device to swap on, or empty
	At       string // mount point of the root, /mnt
	Dirs     []string
	Commands []string // run with sh -c after mounting
	Journal  string   // name on the ESP that a resume leaves there
}

// Ops mount. What they mount is unmounted by the undo list.
//
// A resume mounts what an earlier install has filled in part. If that system was
// started since, its owner uses it: a resume stops, and changes nothing on it.
func Ops(o Options) []engine.Op {
	boot := filepath.Join(o.At, "boot")
	ops := []engine.Op{
		engine.Run(sys.Cmd{Does: "make the mount point", Argv: []string{"mkdir", "-p", o.At}}),
		engine.RunUndone(
			sys.Cmd{Does: "mount the root", Argv: []string{"mount", "-t", "ext4", o.Root, o.At}},
			// Recursive: a command of the host may have mounted more below it.
			sys.Cmd{Does: "unmount the target", Argv: []string{"umount", "--recursive", o.At}, While: sys.Mounted(o.At)}),
		engine.Do("verify that the system on it was never started: no "+seed, o.neverStarted).OnResume(),
		engine.Run(sys.Cmd{Does: "make /boot", Argv: []string{"mkdir", "-p", boot}}),
		// The random seed of systemd-boot is world-readable otherwise, and
		// bootctl says so.
		engine.Run(sys.Cmd{Does: "mount the ESP", Argv: []string{"mount", "-t", "vfat", "-o", "umask=0077", o.ESP, boot}}),
		engine.Do("empty the ESP but for the journal: the boot loader is installed again",
			func(context.Context, sys.System) error { return empty(boot, o.Journal) }).Doing("emptying the ESP").OnResume(),
	}
	if len(o.Dirs) > 0 {
		ops = append(ops, engine.Run(sys.Cmd{Does: "make the extra directories", Argv: append([]string{"mkdir", "-p", "--"}, o.Dirs...)}))
	}
	if o.Swap != "" {
		ops = append(ops, engine.RunUndone(
			sys.Cmd{Does: "swap on", Argv: []string{"swapon", o.Swap}},
			sys.Cmd{Does: "swap off", Argv: []string{"swapoff", o.Swap}, While: sys.SwapOn(o.Swap)}))
	}
	for _, shell := range o.Commands {
		ops = append(ops, engine.Run(sys.Cmd{Does: "run the host's post-mount command", Argv: []string{"sh", "-c", shell}}).
			Hint(sys.CodeWritten, "correct extraPostMountCommands in the host's definition, then start again: "+shell))
	}
	return ops
}

// seed is what systemd writes when a system goes down, or is up
// (systemd-random-seed.service(8)), and no install does.
const seed = "var/lib/systemd/random-seed"

// UnstartedOps make sure, before a root is erased, that its system was never
// started. They mount nothing: the file system may be hostile, so the kernel
// does not get to see it. What is not ext4 is not a system of this installer.
func UnstartedOps(root string) []engine.Op {
	look := sys.Cmd{
		Does: "verify that the system on it was never started: no " + seed,
		Argv: []string{"debugfs", "-R", "stat " + seed, root},
	}
	return []engine.Op{engine.Read(look, func(_ sys.System, out []byte) error {
		if strings.Contains(string(out), "Inode:") { // debugfs(8) ends with 0 in any case
			return started(root)
		}
		return nil
	}).Doing("looking whether the system was started").Hint(sys.CodeUsage, "if all on the disk may go, start over (--start-over)")}
}

func started(root string) error {
	return sys.Faultf(sys.CodeUsage, "no file was changed; if all on it may go, start over (--start-over)",
		"the system on %s has been started since it was installed (/%s is there)", root, seed)
}

func (o Options) neverStarted(context.Context, sys.System) error {
	_, err := os.Lstat(filepath.Join(o.At, seed))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return sys.Incomplete(err, "looking whether the system was started")
	}
	return started(o.Root)
}

// empty removes everything in the ESP but the journal. A kernel that was
// copied in part would be taken for whole: installers of boot loaders copy
// none that is there already.
func empty(esp, journal string) error {
	entries, err := os.ReadDir(esp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == journal {
			continue
		}
		if err := os.RemoveAll(filepath.Join(esp, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
