package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Made is what the installer will make.
type Made struct {
	ESP, Root  string // labels
	LUKS, Swap string // labels, empty: there is none
	Mapper     string // name of the opened LUKS container
	// RandomSwap: the swap partition is left for the host to encrypt with a
	// new key at each start, so it has a partition label only.
	RandomSwap bool
	Keymap     string
	User       string // who gets a home, or empty
	UID        int
	Home       string // as the installed system sees it
}

// place is where a device is now, as the names in a configuration go.
type place int

const (
	nowhere  place = iota
	onTarget       // on the disk that will be erased
	attached       // on another disk
)

// comparison collects what does not fit.
type comparison struct {
	made  Made
	find  func(reference) place
	bad   []string // what does not fit, both sides named
	fixes []string // of each bad one
	notes []string // what the operator should know
	used  []reference
}

func (c *comparison) differs(fix, format string, args ...any) {
	c.bad = append(c.bad, fmt.Sprintf(format, args...))
	if !slices.Contains(c.fixes, fix) {
		c.fixes = append(c.fixes, fix)
	}
}

func (c *comparison) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// compare tells how a host's configuration and what will be made differ.
func compare(m Made, f *Facts, find func(reference) place) *comparison {
	c := &comparison{made: m, find: find}
	c.fileSystems(f)
	c.luks(f)
	c.swap(f)
	c.resume(f)
	c.loader(f.Loader)
	c.keymap(f)
	c.user(f)
	return c
}

// option is a device option with the names that the installed disk answers to.
type option struct {
	name  string // of the option, fileSystems."/".device
	key   string // of host.toml, labels.root
	makes []reference
}

var dir = map[kind]string{byLabel: "/dev/disk/by-label/", byPartLabel: "/dev/disk/by-partlabel/", byMapper: "/dev/mapper/"}

func (r reference) String() string { return dir[r.kind] + r.name }

// device compares one device with what is made, and notes the name in use.
func (c *comparison) device(o option, device string) bool {
	ref := refer(device)
	if slices.Contains(o.makes, ref) {
		c.used = append(c.used, ref)
		return true
	}
	fix := fmt.Sprintf("set %s = %q in the host's configuration", o.name, o.makes[0])
	why := ""
	switch {
	case device == "":
		c.differs(fix, "%s is not set; %s makes it %s", o.name, o.key, o.makes[0])
		return false
	case ref.kind == byUUID || ref.kind == byPartUUID:
		why = ": a UUID is new with every install"
	case ref.kind == byOther:
		why = ": that name may be another disk's at the next start"
	default:
		fix += ", or change " + o.key + " in host.toml"
	}
	c.differs(fix, "%s is %q; %s makes it %s%s", o.name, device, o.key, o.makes[0], why)
	return false
}

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
	for _, o := range []string{"bind", "rbind", "nofail", "noauto"} {
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

func (c *comparison) swap(f *Facts) {
	o := option{"swapDevices.*.device", "labels.swap", []reference{{byPartLabel, c.made.Swap}}}
	if !c.made.RandomSwap {
		o.makes = []reference{{byLabel, c.made.Swap}, {byPartLabel, c.made.Swap}}
	}
	uses := false
	for _, s := range f.SwapDevices {
		ref := refer(s.Device)
		switch ours := c.made.Swap != "" && ref.name == c.made.Swap && (ref.kind == byLabel || ref.kind == byPartLabel); {
		case ref.kind == notDevice: // a file, which the host makes
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

func (c *comparison) keymap(f *Facts) {
	switch {
	case f.Keymap == "":
		c.note("the host's configuration does not tell its console keymap")
	case f.Keymap == c.made.Keymap:
	case strings.Contains(f.Keymap, "/"):
		c.note("the host's console keymap is made by Nix (%s) and is not compared with %q, the installer's: try the passphrase's keys before you rely on it",
			f.Keymap, c.made.Keymap)
	case c.made.LUKS != "":
		c.differs(fmt.Sprintf("set keymap = %q in host.toml, or console.keyMap = %q in the host's configuration", f.Keymap, c.made.Keymap),
			"console.keyMap is %q; keymap makes it %q, and the passphrase is typed with both", f.Keymap, c.made.Keymap)
	default:
		c.note("console.keyMap is %q, and the installer's keymap is %q", f.Keymap, c.made.Keymap)
	}
}

func (c *comparison) user(f *Facts) {
	if c.made.User == "" || len(f.Users) == 0 {
		return
	}
	u, ok := f.Users[c.made.User]
	if !ok {
		c.differs(fmt.Sprintf("add users.users.%q to the host's configuration, or change targetUser in host.toml", c.made.User),
			"the host has no users.users.%q; targetUser gives it a home", c.made.User)
		return
	}
	if u.UID != nil && *u.UID != c.made.UID {
		c.differs(fmt.Sprintf("set targetUid = %d in host.toml", *u.UID),
			"users.users.%q.uid is %d; targetUid makes it %d", c.made.User, *u.UID, c.made.UID)
	}
	if u.Home != "" && u.Home != c.made.Home {
		c.differs(fmt.Sprintf("set users.users.%q.home = %q in the host's configuration, or leave targetUser out", c.made.User, c.made.Home),
			"users.users.%q.home is %q; targetUser makes it %q", c.made.User, u.Home, c.made.Home)
	}
}
