// Package contract compares what the installer will make with what the host's
// own configuration expects and with the other disks of the machine, before
// anything is written. It reports every mismatch together.
package contract

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"auto-installer/hosts"
	"auto-installer/hosts/facts"
	"auto-installer/internal/console/keymap"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says what the installer will make, and where the host's facts are.
type Options struct {
	Disk   block.Identity // the target disk
	Host   hosts.Host
	Labels []string
	// Medium is the medium's contract.json with the facts, or empty. Evaluated
	// is the facts that the config repo evaluated to, if it did.
	Medium    string
	Evaluated *[]byte
	// Sys is where /sys is, normally "/". If empty, the firmware and the disk's
	// drivers are not checked.
	Sys string
	// Typed is what the operator types at the boot prompt: passphrase and
	// recovery key.
	Typed []Typed
	// Found gets what the host's configuration says, from the first check.
	Found *facts.Facts
}

// checks is what the checks share. Each adds its mismatches and notes, so that the
// last one reports all of them together.
type checks struct {
	Options
	*facts.Comparison
	inv  *block.Inventory
	keys *keymap.Table // nil if the keymap cannot be read
}

// Ops compare. The error of a mismatch is a *sys.Fault that names every one.
func Ops(o Options) []engine.Op {
	c := &checks{Options: o}
	ops := []engine.Op{
		engine.Do("compare the host's own file systems, swap, LUKS, boot loader, keymap and user with what will be made: "+
			cmp.Or(o.Medium, "what the config repo evaluates to"), c.compare),
		engine.Do("look for the labels "+strings.Join(o.Labels, ", ")+" on every other disk", c.carriers),
	}
	if o.Sys != "" {
		ops = append(ops,
			engine.Do("see whether the host's initrd has the drivers of "+o.Disk.Path, c.drivers),
			engine.Do("see that the firmware will start the host's boot loader: Secure Boot, and room for its variables", c.firmware))
	}
	if len(o.Typed) > 0 {
		ops = append(ops, engine.Do("", c.readKeymap))
	}
	for _, t := range o.Typed {
		ops = append(ops, engine.Do("see that the "+t.Name+" can be typed with the keymap "+o.Host.Keymap, c.typed(t)))
	}
	return append(ops, engine.Do("", c.verdict))
}

func (c *checks) compare(ctx context.Context, s sys.System) error {
	f, err := read(c.Options)
	if err != nil {
		return err
	}
	*c.Found = *f
	if c.inv, err = block.Survey(ctx, s, "/"); err != nil {
		return err
	}
	c.Comparison = facts.Compare(c.Host, f, finder(c.inv, c.Disk))
	return nil
}

// finder says where the machine has a device. Another path to the target disk
// is not another disk.
func finder(inv *block.Inventory, disk block.Identity) func(facts.Reference) facts.Place {
	target, _ := inv.Find(disk) // the gate refuses a disk that is not there
	return func(r facts.Reference) facts.Place {
		has := choice.Named(r)
		for d := range choice.Others(inv, target) {
			if has(d) {
				return facts.Attached
			}
		}
		if slices.ContainsFunc(target.Below(), has) {
			return facts.OnTarget
		}
		return facts.Nowhere
	}
}

// read reads the facts. Without them the host is not installed: it could start
// from another disk, or write its boot loader there.
func read(o Options) (*facts.Facts, error) {
	var data []byte
	from := "the evaluated configuration"
	switch {
	case o.Medium != "":
		from = "the medium's " + o.Medium
		var err error
		if data, err = os.ReadFile(o.Medium); err != nil {
			return nil, unreadable(err, "the medium's facts")
		}
	case o.Evaluated == nil || len(*o.Evaluated) == 0:
		return nil, sys.Faultf(sys.CodeContract,
			"build the medium with `auto-installer iso`, which puts the facts beside the host's system, or leave --system out",
			"the host's configuration is unknown: its file systems, boot loader and keymap cannot be compared with what will be made")
	default:
		data = *o.Evaluated
	}
	f, err := facts.Parse(data)
	if err != nil {
		return nil, unreadable(err, from)
	}
	return f, nil
}

func unreadable(err error, from string) error {
	return sys.WithHint(err, sys.CodeContract, "build the medium again with this version of auto-installer", from)
}

// carriers refuses other disks with a label by which the host finds its own. Other
// labels are notes.
func (c *checks) carriers(_ context.Context, s sys.System) error {
	target, err := c.inv.Find(c.Disk)
	if err != nil {
		return nil //nolint:nilerr // the gate refuses the disk
	}
	found := choice.CarriesLabel(c.inv, target, c.Labels)
	for _, f := range found {
		if !slices.Contains(c.Used, f.Reference) {
			c.Note("%s, which the host does not use: unplug that disk if you can", f.Where)
			continue
		}
		c.Differs("unplug that disk, or give it other labels, before you install",
			"%s, so the new system could start from the wrong disk", f.Where)
	}
	if len(found) == 0 {
		s.Log("no other disk carries one of the labels")
	}
	return nil
}

// verdict is one fault with every mismatch.
func (c *checks) verdict(_ context.Context, s sys.System) error {
	for _, n := range c.Notes {
		s.Warn(n)
	}
	var faults []*sys.Fault
	for _, m := range c.Mismatches {
		s.Log("mismatch: " + m.Problem)
		faults = append(faults, &sys.Fault{Cause: m.Problem, Hint: m.Fix, Code: sys.CodeContract})
	}
	if faults == nil {
		s.Log("the host's own configuration fits what will be made")
		return nil
	}
	all := sys.Together(faults, "; ")
	if n := len(faults); n > 1 {
		all.Cause = fmt.Sprintf("%d mismatches: %s", n, all.Cause)
	}
	return all
}
