package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// opens is the name under which the host opens the container that is made; the
// installer's own if it does not.
func (f *Facts) opens(m Made) string {
	if _, ok := f.LUKSDevices[m.Mapper]; ok || m.LUKS == "" {
		return m.Mapper
	}
	for _, name := range slices.Sorted(maps.Keys(f.LUKSDevices)) {
		if slices.Contains(m.container(), refer(f.LUKSDevices[name].Device)) {
			return name
		}
	}
	return m.Mapper
}

// container is what the container that is made goes by.
func (m Made) container() []reference { return []reference{{byPartLabel, m.LUKS}, {byLabel, m.LUKS}} }

func (c *comparison) luks(f *Facts) {
	if c.made.LUKS != "" {
		c.container(f)
	}
	for _, name := range slices.Sorted(maps.Keys(f.LUKSDevices)) {
		if c.made.LUKS != "" && name == c.opened {
			continue
		}
		device := f.LUKSDevices[name].Device
		option := fmt.Sprintf("boot.initrd.luks.devices.%q.device", name)
		if c.made.LUKS == "" && c.find(refer(device)) != attached {
			c.differs("set luks.enable = true in host.toml, or remove it from the host's configuration",
				"%s is %q; luks.enable is false, so nothing is encrypted", option, device)
			continue
		}
		c.elsewhere(option, device, refer(device), "attach the disk that has it, or remove it from the host's configuration")
	}
}

// container compares the LUKS container that is made.
func (c *comparison) container(f *Facts) {
	o := option{name: fmt.Sprintf("boot.initrd.luks.devices.%q.device", c.opened), key: "labels.luks", makes: c.made.container()}
	l, ok := f.LUKSDevices[c.opened]
	if !ok {
		c.differs(fmt.Sprintf("set %s = %s in the host's configuration", o.name, c.force(fmt.Sprintf("%q", o.makes[0]))),
			"the host opens no LUKS device as %q%s; luks.mapperName makes it that, from %s", c.made.Mapper, others(f.LUKSDevices), o.makes[0])
		return
	}
	if c.device(o, l.Device) && c.opened != c.made.Mapper {
		c.otherName(f, l.Device)
	}
	if l.Header != "" {
		c.differs("remove its header from the host's configuration",
			"boot.initrd.luks.devices.%q.header is %q; the installer keeps the header in the container", c.opened, l.Header)
	}
	if l.KeyFile != "" {
		c.note("boot.initrd.luks.devices.%q.keyFile is %q: the container opens with the passphrase only, so set fallbackToPassword, or add that key to it",
			c.opened, l.KeyFile)
	}
}

// otherName looks at a container that the host opens under another name than
// the installer. A root that goes by its label is found all the same.
func (c *comparison) otherName(f *Facts, device string) {
	if refer(f.FileSystems["/"].Device).kind != byMapper {
		c.note("the host opens %s as %q and the installer as %q (luks.mapperName): its root goes by another name, so both will do", device, c.opened, c.made.Mapper)
		return
	}
	c.differs(fmt.Sprintf("set luks.mapperName = %q in host.toml, or rename it in the host's configuration", c.opened),
		"the host opens %s as %q; luks.mapperName makes it %q", device, c.opened, c.made.Mapper)
}

func others(ds map[string]LUKSDevice) string {
	if len(ds) == 0 {
		return ""
	}
	return ", only as " + strings.Join(slices.Sorted(maps.Keys(ds)), ", ")
}
