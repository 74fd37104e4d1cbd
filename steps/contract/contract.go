// Package contract compares what will be made with what the host's own
// configuration expects, and with what is attached to the machine already,
// before anything is written. It reports everything that does not fit.
package contract

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"auto-installer/internal/console/keymap"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Options says what will be made, and where the host's expectations are.
type Options struct {
	Disk   block.Identity // the disk to be written
	Made   Made
	Labels []string
	// Medium is the medium's own contract.json, for what it carries prebuilt,
	// or empty. Evaluated is what the config repo evaluated to, if it did.
	Medium    string
	Evaluated *[]byte
	// Carriers finds the other disks that carry one of the labels.
	Carriers func(inv *block.Inventory, disk block.Identity, labels []string) []Carrier
	// Sys is where /sys is, normally "/", or empty: the firmware and the disk's
	// drivers are not looked at.
	Sys string
	// Typed is what is typed at the boot prompt: passphrase and recovery key.
	Typed []Typed
	// Found is filled with what was found.
	Found *Found
}

// Carrier is a device on another disk with one of the labels.
type Carrier struct {
	Where     string // it and its label, in words
	Label     string
	Partition bool // it is the partition's label, not the file system's
}

// Typed is a secret that has to be typed at the boot prompt.
type Typed struct {
	Name string // in words
	Text []byte
}

// Found is what the contract step has found out, for the steps after it.
type Found struct {
	// Facts is what the host's configuration expects; nil before Run.
	Facts *Facts
	made  Made
}

// LUKSDevices are the containers that the host's initrd opens, name to device.
// The one that is made goes by the name under which the installer opens it: a
// host that needs another one was refused.
func (f *Found) LUKSDevices() map[string]string {
	devices, opened := map[string]string{}, f.Facts.opens(f.made)
	for name, d := range f.Facts.LUKSDevices {
		if name == opened {
			name = f.made.Mapper
		}
		devices[name] = d.Device
	}
	return devices
}

// OtherLoader tells whether the host starts by a boot loader whose files
// nothing is known of.
func (f *Found) OtherLoader() bool { return f.Facts.Loader.Other() }

// Actions is what Run will look at.
func Actions(o Options) []sys.Action {
	from := "what the config repo evaluates to"
	if o.Medium != "" {
		from = o.Medium
	}
	as := []sys.Action{
		{Does: "compare the host's own file systems, swap, LUKS, boot loader, keymap and user with what will be made: " + from},
		{Does: "look for the labels " + strings.Join(o.Labels, ", ") + " on every other disk"},
	}
	if o.Sys != "" {
		as = append(as, sys.Action{Does: "see whether the host's initrd has the drivers of " + o.Disk.Path}, sys.Action{Does: "see that the firmware will start the host's boot loader: Secure Boot, and room for its variables"})
	}
	for _, t := range o.Typed {
		as = append(as, sys.Action{Does: "see that the " + t.Name + " can be typed with the keymap " + o.Made.Keymap})
	}
	return as
}

// Run compares. The error is a *sys.Fault that names everything that does not
// fit.
func Run(ctx context.Context, s sys.System, o Options) error {
	facts, err := read(o)
	if err != nil {
		return err
	}
	o.Found.Facts, o.Found.made = facts, o.Made
	inv, err := block.Survey(ctx, s, "/")
	if err != nil {
		return err
	}
	c := compare(o.Made, facts, finder(inv, o.Disk))
	if o.Sys != "" {
		f, err := readFirmware(o.Sys)
		if err != nil {
			return sys.WithHint(err, sys.CodeMachine, "this needs /sys", "looking at the firmware's variables")
		}
		c.starts(facts.Loader, f)
	}
	if target, err := inv.Find(o.Disk); o.Sys != "" && err == nil {
		c.drivers(facts.Initrd, drivers(o.Sys, target.Name), target.Path)
	}
	c.carriers(o.Carriers(inv, o.Disk, o.Labels), s)
	if err := c.typed(ctx, s, o.Made.Keymap, o.Typed); err != nil {
		return err
	}
	for _, n := range c.notes {
		s.Warn(n)
	}
	return c.verdict(s)
}

// read finds the facts. Where nothing tells them the host is not installed: it
// could start from another disk, or its boot loader be written there.
func read(o Options) (*Facts, error) {
	bad := func(err error, from string) error {
		return sys.WithHint(err, sys.CodeContract, "build the medium anew with this version of auto-installer", from)
	}
	if o.Medium != "" {
		data, err := os.ReadFile(o.Medium)
		if err != nil {
			return nil, bad(err, "the medium's contract")
		}
		f, err := parse(data)
		if err != nil || f == nil {
			return f, bad(fmt.Errorf("%s: %w", o.Medium, orEmpty(err)), "the medium's contract")
		}
		return f, nil
	}
	if o.Evaluated == nil || len(*o.Evaluated) == 0 {
		return nil, sys.Faultf(sys.CodeContract,
			"build the medium with `auto-installer iso`, which puts what the host expects beside its system, or leave --system out",
			"nothing tells what the host's own configuration expects: its file systems, boot loader and keymap cannot be compared with what will be made")
	}
	f, err := parse(*o.Evaluated)
	if err != nil || f == nil {
		return nil, bad(orEmpty(err), "the evaluated configuration")
	}
	return f, nil
}

func orEmpty(err error) error {
	if err == nil {
		return errors.New("it is empty")
	}
	return err
}

// finder tells where a device is now. Another path to the disk that is written
// is not another disk.
func finder(inv *block.Inventory, disk block.Identity) func(reference) place {
	own, others := map[string]bool{}, inv.Devices
	if target, err := inv.Find(disk); err == nil { // else the gate will say so
		for _, d := range target.Below() {
			own[d.Name] = true
		}
		others = inv.WithoutOtherPaths(target)
	}
	return func(r reference) place {
		at := nowhere
		if real, err := block.Resolve("/", "/dev/"+r.name); r.kind == byOther && err == nil {
			r.name = strings.TrimPrefix(real, "/dev/")
		}
		for _, disk := range others {
			for _, d := range disk.Below() {
				switch {
				case !r.is(d):
				case !own[d.Name]:
					return attached
				default:
					at = onTarget
				}
			}
		}
		return at
	}
}

// carriers refuses other disks with a label that the host finds its own by;
// without facts, any label. Other labels are only told of.
func (c *comparison) carriers(found []Carrier, s sys.System) {
	for _, f := range found {
		ref := reference{byLabel, f.Label}
		if f.Partition {
			ref.kind = byPartLabel
		}
		if !slices.Contains(c.used, ref) {
			c.note("%s, which the host does not go by: unplug that disk if you can", f.Where)
			continue
		}
		c.differs("unplug that disk, or give it other labels, before you install",
			"%s, so the new system could start from the wrong disk", f.Where)
	}
	if len(found) == 0 {
		s.Log("no other disk carries one of the labels")
	}
}

// typed sees that secrets can be typed at the boot prompt. Where the keymap
// cannot be looked at, that is said and nothing is refused.
func (c *comparison) typed(ctx context.Context, s sys.System, name string, ts []Typed) error {
	if len(ts) == 0 {
		return nil
	}
	table, err := keymap.Read(ctx, s, name)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		c.note("the keymap %s cannot be looked at, so nothing tells whether the passphrase can be typed at the boot prompt: %v", name, err)
		return nil
	}
	for _, t := range ts {
		ty := table.Of(t.Text)
		if ty.Missing > 0 {
			c.differs("choose another "+t.Name+", of letters and digits that every keymap has",
				"no key of the keymap %s gives %s of the %s, which is typed with it at the boot prompt", name, keymap.Characters(ty.Missing), t.Name)
		}
		if ty.Accents > 0 {
			c.note("with the keymap %s, %s of the %s can only be typed by an accent key, which a boot prompt may not know",
				name, keymap.Characters(ty.Accents), t.Name)
		}
		if ty == (keymap.Typing{}) {
			s.Log("every character of the " + t.Name + " is on a key of the keymap " + name)
		}
	}
	return nil
}

// verdict is one fault of all that does not fit.
func (c *comparison) verdict(s sys.System) error {
	for _, b := range c.bad {
		s.Log("does not fit: " + b)
	}
	switch {
	case len(c.bad) > 1:
		return sys.Faultf(sys.CodeContract, strings.Join(c.fixes, "; "), "%d things do not fit: %s", len(c.bad), strings.Join(c.bad, "; "))
	case len(c.bad) == 1:
		return sys.Faultf(sys.CodeContract, c.fixes[0], "%s", c.bad[0])
	}
	s.Log("the host's own configuration fits what will be made")
	return nil
}
