package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (c *comparison) luks(f *Facts) {
	ours := "" // the name under which the host opens what is made
	if c.made.LUKS != "" {
		ours = c.container(f)
	}
	for _, name := range slices.Sorted(maps.Keys(f.LUKSDevices)) {
		if name == ours {
			continue
		}
		device := f.LUKSDevices[name].Device
		option := fmt.Sprintf("boot.initrd.luks.devices.%q.device", name)
		if c.made.LUKS == "" && c.find(refer(device)) != attached {
			c.differs("set luks.enable = true in host.toml, or remove it from the host's configuration",
				"%s is %q; luks.enable is false, so nothing is encrypted", option, device)
			continue
		}
		c.elsewhere(option, device, "attach the disk that has it, or remove it from the host's configuration")
	}
}

// container compares the LUKS container that is made, and returns the name
// under which the host opens it.
func (c *comparison) container(f *Facts) string {
	o := option{
		fmt.Sprintf("boot.initrd.luks.devices.%q.device", c.made.Mapper), "labels.luks",
		[]reference{{byPartLabel, c.made.LUKS}, {byLabel, c.made.LUKS}},
	}
	l, ok := f.LUKSDevices[c.made.Mapper]
	if !ok {
		for _, name := range slices.Sorted(maps.Keys(f.LUKSDevices)) {
			if device := f.LUKSDevices[name].Device; slices.Contains(o.makes, refer(device)) {
				c.differs(fmt.Sprintf("set luks.mapperName = %q in host.toml, or rename it in the host's configuration", name),
					"the host opens %s as %q; luks.mapperName makes it %q", device, name, c.made.Mapper)
				return name
			}
		}
		c.differs(fmt.Sprintf("set %s = %q in the host's configuration", o.name, o.makes[0]),
			"the host opens no LUKS device as %q%s; luks.mapperName makes it that, from %s", c.made.Mapper, others(f.LUKSDevices), o.makes[0])
		return ""
	}
	c.device(o, l.Device)
	if l.Header != "" {
		c.differs("remove its header from the host's configuration",
			"boot.initrd.luks.devices.%q.header is %q; the installer keeps the header in the container", c.made.Mapper, l.Header)
	}
	if l.KeyFile != "" {
		c.note("boot.initrd.luks.devices.%q.keyFile is %q: the container opens with the passphrase only, so set fallbackToPassword, or add that key to it",
			c.made.Mapper, l.KeyFile)
	}
	return c.made.Mapper
}

func others(ds map[string]LUKSDevice) string {
	if len(ds) == 0 {
		return ""
	}
	return ", only as " + strings.Join(slices.Sorted(maps.Keys(ds)), ", ")
}
