package contract

import (
	"fmt"
	"slices"
)

func (c *comparison) swap(f *Facts) {
	o := option{name: "swapDevices.*.device", key: "labels.swap", makes: []reference{{byPartLabel, c.made.Swap}}}
	if !c.made.RandomSwap {
		o.makes = []reference{{byLabel, c.made.Swap}, {byPartLabel, c.made.Swap}}
	}
	if c.disko { // one of several in a list
		entry := fmt.Sprintf("device = %q;", o.makes[0])
		if c.made.RandomSwap {
			entry += " randomEncryption.enable = true;"
		}
		o.fix = fmt.Sprintf("set swapDevices = lib.mkForce [ { %s } ] in the host's configuration", entry)
	}
	uses := false
	for _, s := range f.SwapDevices {
		ref := refer(s.Device)
		switch ours := c.made.Swap != "" && ref.name == c.made.Swap && (ref.kind == byLabel || ref.kind == byPartLabel); {
		case ref.kind == notDevice: // a file, which the host makes
		case !ours && has(s.Options, "nofail", "noauto"): // its start does not wait for it
		case ref.kind == byMapper && ref.name != c.opened && f.hasContainer(ref.name): // looked for by itself
		case ours:
			uses = true
			c.ourSwap(o, s)
		case c.made.Swap == "" && c.find(ref) != attached:
			c.differs("set swap.enable = true in host.toml, or remove it from the host's configuration",
				"swapDevices has %q; swap.enable is false, so there is no swap partition", s.Device)
		case c.find(ref) != attached:
			uses = true
			c.device(o, s.Device)
		}
	}
	if c.made.Swap != "" && !uses {
		c.differs(fmt.Sprintf("add { device = %q; } to swapDevices in the host's configuration, or set swap.enable = false in host.toml", o.makes[0]),
			"the host's swapDevices do not use %s, which labels.swap makes", o.makes[0])
	}
}

// hasContainer tells whether the host opens a container under a name.
func (f *Facts) hasContainer(name string) bool {
	_, ok := f.LUKSDevices[name]
	return ok || slices.Contains(f.Crypttab, name)
}

// ourSwap looks at how the host uses the swap partition.
func (c *comparison) ourSwap(o option, s SwapDevice) {
	switch {
	case !c.device(o, s.Device):
	case c.made.RandomSwap && !s.RandomEncryption:
		c.differs("set its randomEncryption.enable = true in the host's configuration",
			"swapDevices has %q without randomEncryption; beside LUKS the installer leaves it unformatted", s.Device)
	case s.RandomEncryption && refer(s.Device).kind == byLabel:
		c.differs(fmt.Sprintf("set its device = %q in the host's configuration", reference{byPartLabel, c.made.Swap}),
			"swapDevices has %q with randomEncryption, which erases that label at the first start; labels.swap is the partition's label too", s.Device)
	}
}

func (c *comparison) resume(f *Facts) {
	ref := refer(f.ResumeDevice)
	swap := c.made.Swap != "" && ref.name == c.made.Swap && (ref.kind == byLabel || ref.kind == byPartLabel)
	switch {
	case f.ResumeDevice == "" || ref.kind == notDevice:
	case swap && !c.made.RandomSwap, slices.Contains(c.rootOption().makes, ref), c.find(ref) == attached:
	case swap:
		c.note("boot.resumeDevice is %q: swap that has a new key at each start cannot be resumed from", f.ResumeDevice)
	default:
		c.note("boot.resumeDevice is %q, which the installer does not make: a start may wait for it", f.ResumeDevice)
	}
}
