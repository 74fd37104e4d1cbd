package cli

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
	"auto-installer/tasks/flash"
)

// flashFlags are the flags of flash.
type flashFlags struct {
	task                         taskFlags
	confirm, sha256              string
	unmount, noEject, verifyOnly bool
}

func flashCommand() *cobra.Command {
	var f flashFlags
	c := &cobra.Command{
		Use: "flash IMAGE [DISK]", Short: "Write an ISO or disk image to a USB stick and verify it",
		Long: "Write an ISO or disk image to a USB stick or memory card, and read it back.\n" +
			"EVERYTHING ON THE STICK IS LOST. It accepts only disks that are removable or on USB,\n" +
			"and never one that the running system uses. Without DISK it lists the disks that it\n" +
			"accepts, and on a terminal it asks for one. It decompresses zstd, gzip and xz images\n" +
			"on the fly. Before any write it compares the image with IMAGE.sha256 or SHA256SUMS\n" +
			"beside it.",
		Args: cobra.RangeArgs(1, 2),
		RunE: does(f.run),
	}
	f.task.register(c)
	fl := c.Flags()
	fl.StringVar(&f.confirm, "confirm", "", "the word yes; without it, flash asks")
	fl.StringVar(&f.sha256, "sha256", "", "the SHA-256 of the image file, in hex; refuse any other")
	fl.BoolVar(&f.unmount, "unmount", false, "unmount the stick first if it is mounted")
	fl.BoolVar(&f.noEject, "no-eject", false, "do not eject the stick at the end")
	fl.BoolVar(&f.verifyOnly, "verify-only", false, "compare the stick with the image, and write nothing")
	return c
}

func (f *flashFlags) run(cmd *cobra.Command, args []string) error {
	image, err := flash.Inspect(args[0])
	if err != nil {
		return err
	}
	stick, err := f.stick(cmd, args)
	if err != nil {
		return err
	}
	p, err := flash.Plan(flash.Request{
		Image: image, Stick: stick, SHA256: f.sha256, Eject: !f.noEject, VerifyOnly: f.verifyOnly,
	})
	if err != nil {
		return err
	}
	// The name of the disk is part of it, so that two sticks can be written at once.
	name := "flash-" + filepath.Base(stick.Path)
	if f.task.dryRun {
		return f.task.run(cmd, name, p)
	}
	if err := flash.NeedAccess(stick, !f.verifyOnly); err != nil {
		return err
	}
	if !f.verifyOnly {
		if err := f.mayUnmount(cmd, stick); err != nil {
			return err
		}
		if err := ask(cmd).confirm(f.confirm, warning(image, stick, p.Warnings)...); err != nil {
			return err
		}
	}
	return f.task.run(cmd, name, p)
}

// stick returns the named disk, or lets the operator choose.
func (f *flashFlags) stick(cmd *cobra.Command, args []string) (flash.Stick, error) {
	if len(args) == 2 {
		return flash.ChooseStick(cmd.Context(), args[1], f.verifyOnly)
	}
	all, err := flash.Sticks(cmd.Context())
	if err != nil {
		return flash.Stick{}, err
	}
	return chooseStick(all, args[0], ask(cmd))
}

// chooseStick lists sticks and asks for the number of one.
func chooseStick(all []flash.Stick, image string, p prompt) (flash.Stick, error) {
	if len(all) == 0 {
		return flash.Stick{}, sys.Faultf(sys.CodeDisk, "plug in a USB stick; `auto-installer disks` lists all disks", "no USB stick found")
	}
	var names []string
	for i, s := range all {
		names = append(names, fmt.Sprintf("%d  %s", i+1, s.Name+holds(s)))
	}
	if !p.terminal {
		return flash.Stick{}, sys.Faultf(sys.CodeDisk, "name one: auto-installer flash "+sys.Quote([]string{image, all[0].ByID}),
			"no disk was named\n  %s", strings.Join(names, "\n  "))
	}
	fmt.Fprintf(p.out, "Disks that can be written to:\n  %s\n", strings.Join(names, "\n  "))
	line, err := p.line("Number of the stick", "")
	n, notNumber := strconv.Atoi(line)
	if err != nil || notNumber != nil || n < 1 || n > len(all) {
		return flash.Stick{}, sys.Usage("run it again and type one of the numbers; nothing was done", "no stick was chosen")
	}
	return all[n-1], nil
}

func holds(s flash.Stick) string {
	if len(s.Holds) == 0 {
		return ", blank"
	}
	return ", holds " + strings.Join(s.Holds, ", ")
}

// mayUnmount verifies that a mounted stick may be unmounted: by the flag or by asking.
func (f *flashFlags) mayUnmount(cmd *cobra.Command, s flash.Stick) error {
	if len(s.Mounted) == 0 || f.unmount {
		return nil
	}
	where := strings.Join(s.Mounted, ", ")
	if p := ask(cmd); p.terminal && f.confirm == "" {
		if unmount, err := p.yes(fmt.Sprintf("%s is mounted at %s. Unmount it", s.Path, where), false); err == nil && unmount {
			return nil
		}
	}
	return sys.Faultf(sys.CodeDisk, "unmount it, or add --unmount", "%s is mounted at %s", s.Name, where)
}

// warning returns the lines above the question to confirm.
func warning(i flash.Image, s flash.Stick, warnings []string) []string {
	kind := i.Kind
	if i.Compression != "" {
		kind += ", " + i.Compression
	}
	content := "It looks blank."
	if len(s.Holds) > 0 {
		content = "WILL BE ERASED: " + strings.Join(s.Holds, ", ")
	}
	lines := []string{
		fmt.Sprintf("image  %s (%s, %s)", i.Path, block.FormatSize(i.FileSize), kind),
		"stick  " + s.Name,
		"       " + content,
	}
	for _, w := range warnings {
		lines = append(lines, "warning: "+w)
	}
	return lines
}
