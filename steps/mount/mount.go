// Package mount mounts the new system and makes the host's extra directories.
package mount

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	Journal  string   // name on the ESP of what Again leaves there
}

// cmd is a command and what takes it back, if anything.
type cmd struct {
	do   sys.Cmd
	undo *sys.Cmd
}

func cmds(o Options) []cmd {
	boot := filepath.Join(o.At, "boot")
	c := []cmd{
		{do: sys.Cmd{Does: "make the mount point", Argv: []string{"mkdir", "-p", o.At}}},
		{
			do: sys.Cmd{Does: "mount the root", Argv: []string{"mount", "-t", "ext4", o.Root, o.At}},
			// Recursive: a command of the host may have mounted more below it.
			undo: &sys.Cmd{Does: "unmount the target", Argv: []string{"umount", "--recursive", o.At}, While: sys.Mounted(o.At)},
		},
		{do: sys.Cmd{Does: "make /boot", Argv: []string{"mkdir", "-p", boot}}},
		// The random seed of systemd-boot is world-readable otherwise, and
		// bootctl says so.
		{do: sys.Cmd{Does: "mount the ESP", Argv: []string{"mount", "-t", "vfat", "-o", "umask=0077", o.ESP, boot}}},
	}
	if len(o.Dirs) > 0 {
		c = append(c, cmd{do: sys.Cmd{Does: "make the extra directories", Argv: append([]string{"mkdir", "-p", "--"}, o.Dirs...)}})
	}
	if o.Swap != "" {
		c = append(c, cmd{
			do:   sys.Cmd{Does: "swap on", Argv: []string{"swapon", o.Swap}},
			undo: &sys.Cmd{Does: "swap off", Argv: []string{"swapoff", o.Swap}, While: sys.SwapOn(o.Swap)},
		})
	}
	for _, shell := range o.Commands {
		c = append(c, cmd{do: sys.Cmd{Does: "run the host's post-mount command", Argv: []string{"sh", "-c", shell}}})
	}
	return c
}

// Actions is what Run will do.
func Actions(o Options) []sys.Action {
	var as []sys.Action
	for _, c := range cmds(o) {
		as = append(as, c.do.Action())
	}
	return as
}

// Run mounts. What it mounted is unmounted by the undo list.
func Run(ctx context.Context, s sys.System, o Options) error {
	return run(ctx, s, cmds(o))
}

func run(ctx context.Context, s sys.System, cmds []cmd) error {
	for _, c := range cmds {
		var err error
		if c.undo != nil {
			err = s.Do(ctx, c.do, *c.undo)
		} else {
			err = s.Run(ctx, c.do)
		}
		if err != nil {
			f := sys.Incomplete(err, "to "+c.do.Does)
			if c.do.Argv[0] == "sh" {
				f.Hint = "mend extraPostMountCommands in the host's definition, then start again: " + c.do.Argv[2]
			}
			return f
		}
	}
	return nil
}

// seed is what systemd writes when a system goes down, or is up
// (systemd-random-seed.service(8)), and no install does.
const seed = "var/lib/systemd/random-seed"

// look asks for the seed without mounting: the file system may be hostile, so
// the kernel does not get to see it.
func look(o Options) sys.Cmd {
	return sys.Cmd{
		Does: "see that the system on it was never started: no " + seed,
		Argv: []string{"debugfs", "-R", "stat " + seed, o.Root},
	}
}

// UnstartedActions is what Unstarted will do.
func UnstartedActions(o Options) []sys.Action { return sys.Actions(look(o)) }

// Unstarted makes sure that a system on the root was not started since, before
// it is erased. It needs no mount, and writes nothing. What is no ext4 is no
// system of this installer.
func Unstarted(ctx context.Context, s sys.System, o Options) error {
	out, err := s.Output(ctx, look(o))
	if err != nil {
		return sys.WithHint(err, sys.CodeUsage, "if all on the disk may go, start over (--start-over)", "looking whether the system was started")
	}
	if strings.Contains(string(out), "Inode:") { // debugfs(8) ends with 0 in any case
		return started(o)
	}
	return nil
}

func started(o Options) error {
	return sys.Faultf(sys.CodeUsage, "no file was changed; if all on it may go, start over (--start-over)",
		"the system on %s has been started since it was installed (/%s is there)", o.Root, seed)
}

// AgainActions is what Again will do.
func AgainActions(o Options) []sys.Action {
	as := Actions(o)
	as = slices.Insert(as, espMounted, sys.Action{Does: "empty the ESP but for the journal: the boot loader comes anew"})
	return slices.Insert(as, rootMounted, sys.Action{Does: "see that the system on it was never started: no " + seed})
}

// rootMounted and espMounted are how many of the commands it takes to have
// each of them mounted.
const (
	rootMounted = 2
	espMounted  = 4
)

// Again mounts what an earlier install has filled in part. A system that was
// started since is somebody's by now: nothing is done to it.
func Again(ctx context.Context, s sys.System, o Options) error {
	all := cmds(o)
	if err := run(ctx, s, all[:rootMounted]); err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(o.At, seed)); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return sys.Incomplete(err, "looking whether the system was started")
		}
		return started(o)
	}
	if err := run(ctx, s, all[rootMounted:espMounted]); err != nil {
		return err
	}
	if err := empty(filepath.Join(o.At, "boot"), o.Journal); err != nil {
		return sys.Incomplete(err, "emptying the ESP")
	}
	return run(ctx, s, all[espMounted:])
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
