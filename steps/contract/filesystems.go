package contract

import (
	"fmt"
	"maps"
	"slices"
)

const espPoint = "/boot" // where the installer mounts the ESP

func (c *comparison) rootOption() option {
	o := option{`fileSystems."/".device`, "labels.root", []reference{{byLabel, c.made.Root}}}
	if c.made.LUKS != "" {
		o.makes = append(o.makes, reference{byMapper, c.made.Mapper})
	} else {
		o.makes = append(o.makes, reference{byPartLabel, c.made.Root})
	}
	return o
}

func (c *comparison) fileSystems(f *Facts) {
	c.fileSystem(f, "/", c.rootOption(), "ext4")
	c.fileSystem(f, espPoint, option{
		`fileSystems."/boot".device`, "labels.efi", []reference{{byLabel, c.made.ESP}, {byPartLabel, c.made.ESP}},
	}, "vfat")
	for _, point := range slices.Sorted(maps.Keys(f.FileSystems)) {
		if point != "/" && point != espPoint {
			c.otherFileSystem(point, f.FileSystems[point])
		}
	}
}

func (c *comparison) fileSystem(f *Facts, point string, o option, fsType string) {
	fs, ok := f.FileSystems[point]
	if !ok {
		c.differs(fmt.Sprintf("set %s = %q and fsType = %q in the host's configuration", o.name, o.makes[0], fsType),
			"the host has no fileSystems.%q; the installer makes it, as %s", point, o.makes[0])
		return
	}
	fits := fs.FSType == fsType || fs.FSType == "auto"
	if fits || refer(fs.Device).kind != notDevice { // a tmpfs has no device
		c.device(o, fs.Device)
	}
	if !fits {
		c.differs(fmt.Sprintf("set fileSystems.%q.fsType = %q in the host's configuration", point, fsType),
			"fileSystems.%q.fsType is %q; the installer makes %s", point, fs.FSType, fsType)
	}
}

// otherFileSystem looks at what the installer does not make. Without it the
// host would stop in emergency mode.
func (c *comparison) otherFileSystem(point string, fs FileSystem) {
	ref := refer(fs.Device)
	option := fmt.Sprintf("fileSystems.%q.device", point)
	for _, o := range []string{"bind", "rbind", "nofail", "noauto", "x-systemd.automount"} {
		if slices.Contains(fs.Options, o) {
			return
		}
	}
	switch {
	case ref.kind == notDevice, slices.Contains(c.rootOption().makes, ref) && (fs.FSType == "ext4" || fs.FSType == "auto"):
	case slices.Contains(c.rootOption().makes, ref):
		c.differs(fmt.Sprintf("set fileSystems.%q.fsType = \"ext4\" in the host's configuration, or remove it", point),
			"fileSystems.%q is %s on %q; the installer makes ext4 there", point, fs.FSType, fs.Device)
	default:
		c.elsewhere(option, fs.Device, fmt.Sprintf("attach the disk that has it, or add \"nofail\" to fileSystems.%q.options", point))
	}
}

// elsewhere looks for a device that the installer does not make.
func (c *comparison) elsewhere(option, device, fix string) {
	switch c.find(refer(device)) {
	case onTarget:
		c.differs("remove it from the host's configuration, or choose another disk",
			"%s is %q, on the disk that will be erased; the installer does not make it again", option, device)
	case nowhere:
		c.differs(fix, "%s is %q; the installer does not make it, and no disk here has it", option, device)
	case attached:
	}
}
