// Package mount mounts the new system and creates the host's extra directories.
package mount

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says what is mounted where.
type Options struct {
	Root     string // device
	ESP      string // device
	Swap     string // device to swap on, or empty
	At       string // mount point of the root, /mnt
	Dirs     []string
	Commands []string // run with sh -c after mounting
	Journal  string   // the journal's folder on the ESP, which a resume keeps
}

// Ops mount the file systems. The undo list unmounts them.
//
// A resume mounts a partly installed system. If that system was booted since, its owner uses
// it: the resume then fails and changes nothing on it.
func Ops(o Options) []engine.Op {
	boot := filepath.Join(o.At, "boot")
	ops := []engine.Op{
		unstarted(o.Root).OnResume(),
		engine.Run(sys.Cmd{Does: "make the mount point", Argv: []string{"mkdir", "-p", o.At}}),
		engine.RunUndone(
			sys.Cmd{Does: "mount the root", Argv: []string{"mount", "-t", "ext4", o.Root, o.At}},
			// Recursive, because a command of the host may have mounted more below it.
			sys.Cmd{Does: "unmount the target", Argv: []string{"umount", "--recursive", o.At}, While: sys.Mounted(o.At)}),
		engine.Run(sys.Cmd{Does: "make /boot", Argv: []string{"mkdir", "-p", boot}}),
		// Without the umask, systemd-boot's random seed is world-readable, and bootctl
		// warns about it.
		engine.Run(sys.Cmd{Does: "mount the ESP", Argv: []string{"mount", "-t", "vfat", "-o", "umask=0077", o.ESP, boot}}),
		engine.Do("empty the ESP except for the journal: the boot loader is installed again",
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
			Hint(sys.CodeWritten, "correct extraPostMountCommands in the host's definition, then run the install again: "+shell))
	}
	return ops
}

// seed is a file that systemd writes while a system runs or shuts down
// (systemd-random-seed.service(8)). No install writes it.
const seed = "var/lib/systemd/random-seed"

// UnstartedOps verify, before a root is erased, that its system was never started.
func UnstartedOps(root string) []engine.Op { return []engine.Op{unstarted(root)} }

// unstarted does not mount the root, so that the kernel does not parse a file system that may
// be hostile. A root that is not ext4 has no system of this installer.
func unstarted(root string) engine.Op {
	look := sys.Cmd{
		Does: "verify that the system on the root was never started: no " + seed,
		Argv: []string{"debugfs", "-R", "stat " + seed, root},
	}
	return engine.Read(look, func(_ sys.System, out []byte) error {
		if strings.Contains(string(out), "Inode:") { // debugfs(8) always exits with 0
			return sys.Faultf(sys.CodeUsage, "no file was changed; if the disk may be erased, start over (--start-over)",
				"the system on %s was started since it was installed (it has /%s)", root, seed)
		}
		return nil
	}).Doing("checking whether the system was started").Hint(sys.CodeUsage, "if the disk may be erased, start over (--start-over)")
}

// empty removes everything on the ESP except the journal. Installers of boot loaders do not
// overwrite a kernel that exists, so one that was copied in part would stay.
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
