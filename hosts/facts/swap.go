package facts

import (
	"fmt"
	"slices"
)

// isSwap tells whether a device is the swap partition that the installer makes,
// by either of its names.
func (c *Comparison) isSwap(ref Reference) bool {
	return c.made.Swap.Enable && ref.Name == c.made.Labels.Swap && (ref.Kind == ByLabel || ref.Kind == ByPartLabel)
}

func (c *Comparison) swap() {
	o := option{name: "swapDevices.*.device", key: "labels.swap", makes: []Reference{{ByPartLabel, c.made.Labels.Swap}}}
	if !c.made.SwapIsRandomEncrypted() {
		o.makes = []Reference{{ByLabel, c.made.Labels.Swap}, {ByPartLabel, c.made.Labels.Swap}}
	}
	if c.facts.Disko { // one of several in a list
		entry := fmt.Sprintf("device = %q;", o.makes[0])
		if c.made.SwapIsRandomEncrypted() {
			entry += " randomEncryption.enable = true;"
		}
		o.fix = fmt.Sprintf("set swapDevices = lib.mkForce [ { %s } ] in the host's configuration", entry)
	}
	uses := false
	for _, s := range c.facts.SwapDevices {
		ref := Refer(s.Device)
		switch ours := c.isSwap(ref); {
		case ref.Kind == NotDevice: // a file, which the host makes
		case !ours && has(s.Options, "nofail", "noauto"): // the start does not wait for it
		case ref.Kind == ByMapper && ref.Name != c.opened && c.hasContainer(ref.Name): // luks looks for the container
		case ours:
			uses = true
			c.ourSwap(o, s)
		case c.isElsewhere(ref):
			c.elsewhere(o.name, s.Device, ref, "")
		case !c.made.Swap.Enable:
			c.Differs("set swap.enable = true in host.toml, or remove it from the host's configuration",
				"swapDevices has %q; swap.enable is false, so there is no swap partition", s.Device)
		default:
			uses = true
			c.device(o, s.Device)
		}
	}
	if c.made.Swap.Enable && !uses {
		c.Differs(fmt.Sprintf("add { device = %q; } to swapDevices in the host's configuration, or set swap.enable = false in host.toml", o.makes[0]),
			"the host's swapDevices do not use %s, which labels.swap makes", o.makes[0])
	}
}

// hasContainer tells whether the host opens a container under a name.
func (c *Comparison) hasContainer(name string) bool {
	_, ok := c.facts.LUKSDevices[name]
	return ok || slices.Contains(c.facts.Crypttab, name)
}

// ourSwap checks how the host uses the swap partition.
func (c *Comparison) ourSwap(o option, s SwapDevice) {
	switch {
	case !c.device(o, s.Device):
	case c.made.SwapIsRandomEncrypted() && !s.RandomEncryption:
		c.Differs("set its randomEncryption.enable = true in the host's configuration",
			"swapDevices has %q without randomEncryption; beside LUKS the installer leaves it unformatted", s.Device)
	case s.RandomEncryption && Refer(s.Device).Kind == ByLabel:
		c.Differs(fmt.Sprintf("set its device = %q in the host's configuration", Reference{ByPartLabel, c.made.Labels.Swap}),
			"swapDevices has %q with randomEncryption, which erases that label at the first start; labels.swap is the partition's label too", s.Device)
	}
}

func (c *Comparison) resume() {
	device := c.facts.ResumeDevice
	ref := Refer(device)
	switch isSwap := c.isSwap(ref); {
	case ref.Kind == NotDevice:
	case isSwap && !c.made.SwapIsRandomEncrypted(), slices.Contains(c.rootOption().makes, ref), c.find(ref) == Attached:
	case isSwap:
		c.Note("boot.resumeDevice is %q: the host cannot resume from swap that has a new key at each start", device)
	default:
		c.Note("boot.resumeDevice is %q, which the installer does not make: a start may wait for it", device)
	}
}
