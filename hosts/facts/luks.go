package facts

import (
	"fmt"
	"strings"

	"auto-installer/hosts"
)

func (c *Comparison) luks() {
	if c.made.LUKS.Enable {
		c.container()
	}
	for _, name := range sortedNames(c.facts.LUKSDevices) {
		if c.made.LUKS.Enable && name == c.opened {
			continue
		}
		device := c.facts.LUKSDevices[name].Device
		option := fmt.Sprintf("boot.initrd.luks.devices.%q.device", name)
		if !c.made.LUKS.Enable && !c.isElsewhere(Refer(device)) {
			c.Differs("set luks.enable = true in host.toml, or remove it from the host's configuration",
				"%s is %q; luks.enable is false, so nothing is encrypted", option, device)
			continue
		}
		c.elsewhere(option, device, Refer(device), "attach the disk that has it, or remove it from the host's configuration")
	}
}

// container compares the LUKS container that the installer makes.
func (c *Comparison) container() {
	o := option{name: fmt.Sprintf("boot.initrd.luks.devices.%q.device", c.opened), key: "labels.luks", makes: container(c.made)}
	l, ok := c.facts.LUKSDevices[c.opened]
	if !ok {
		others := ""
		if names := sortedNames(c.facts.LUKSDevices); len(names) > 0 {
			others = ", only as " + strings.Join(names, ", ")
		}
		c.Differs(c.set(o), "the host opens no LUKS device as %q%s; luks.mapperName makes it that, from %s", c.made.LUKS.MapperName, others, o.makes[0])
		return
	}
	if c.device(o, l.Device) && c.opened != c.made.LUKS.MapperName {
		c.otherName(l.Device)
	}
	if l.Header != "" {
		c.Differs("remove its header from the host's configuration",
			"boot.initrd.luks.devices.%q.header is %q; the installer keeps the header in the container", c.opened, l.Header)
	}
	if l.KeyFile != "" {
		c.Note("boot.initrd.luks.devices.%q.keyFile is %q: the container opens with the passphrase only, "+
			"so set fallbackToPassword, or add that key to it", c.opened, l.KeyFile)
	}
}

// otherName checks a container that the host opens under another name than the
// installer. A root that the host mounts by its label is found all the same.
func (c *Comparison) otherName(device string) {
	if Refer(c.facts.FileSystems["/"].Device).Kind != ByMapper {
		c.Note("the host opens %s as %q and the installer as %q (luks.mapperName): the host does not mount its root by that name, so both work",
			device, c.opened, c.made.LUKS.MapperName)
		return
	}
	c.Differs(fmt.Sprintf("set luks.mapperName = %q in host.toml, or rename it in the host's configuration", c.opened),
		"the host opens %s as %q; luks.mapperName makes it %q", device, c.opened, c.made.LUKS.MapperName)
}

// container is the names of the LUKS container that the installer makes.
func container(h hosts.Host) []Reference {
	return []Reference{{ByPartLabel, h.Labels.LUKS}, {ByLabel, h.Labels.LUKS}}
}
