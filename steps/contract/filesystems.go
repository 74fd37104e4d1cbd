package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const espPoint = "/boot" // where the installer mounts the ESP

// rootOption is the root by its label, and by what the label is in: the host's
// own name of the container, or the partition.
func (c *comparison) rootOption() option {
	o := option{name: `fileSystems."/".device`, key: "labels.root", makes: []reference{{byLabel, c.made.Root}}}
	if c.made.LUKS != "" {
		o.makes = append(o.makes, reference{byMapper, c.opened})
	} else {
		o.makes = append(o.makes, reference{byPartLabel, c.made.Root})
	}
	return o
}

func (c *comparison) espOption() option {
	return option{name: `fileSystems."/boot".device`, key: "labels.efi", makes: []reference{{byLabel, c.made.ESP}, {byPartLabel, c.made.ESP}}}
}

func (c *comparison) fileSystems(f *Facts) {
	c.fileSystem(f, "/", c.rootOption(), "ext4")
	c.fileSystem(f, espPoint, c.espOption(), "vfat")
	for _, point := range slices.Sorted(maps.Keys(f.FileSystems)) {
		if point != "/" && point != espPoint {
			c.otherFileSystem(f, point, f.FileSystems[point])
		}
	}
}

func (c *comparison) fileSystem(f *Facts, point string, o option, fsType string) {
	fs, ok := f.FileSystems[point]
	if !ok {
		fix := fmt.Sprintf("set %s = %q and fsType = %q in the host's configuration", o.name, o.makes[0], fsType)
		if c.disko {
			fix = c.whole()
		}
		c.differs(fix, "the host has no fileSystems.%q; the installer makes it, as %s", point, o.makes[0])
		return
	}
	fits := fs.FSType == fsType || fs.FSType == "auto"
	if !fits { // then the device alone would be no help
		o.fix = c.whole()
	}
	if fits || refer(fs.Device).kind != notDevice { // a tmpfs has no device
		c.device(o, fs.Device)
	}
	if !fits {
		c.differs(c.whole(), "fileSystems.%q.fsType is %q; the installer makes %s", point, fs.FSType, fsType)
	}
	fix := ""
	if c.disko && !fits {
		fix = c.whole()
	}
	c.options(point, fsType, fs, fix)
}

// whole is the way out where a device or a type alone does not help: a root of
// another kind, or mounts of its own for what the ext4 root has.
func (c *comparison) whole() string {
	root := fmt.Sprintf(`"/" = { device = "%s"; fsType = "ext4"; }`, reference{byLabel, c.made.Root})
	boot := fmt.Sprintf(`"/boot" = { device = "%s"; fsType = "vfat"; }`, reference{byLabel, c.made.ESP})
	const made = "this installer makes one ext4 root and an ESP, with swap and LUKS as host.toml says, and no other file system"
	if c.disko {
		return fmt.Sprintf("set fileSystems = lib.mkForce { %s; %s; } in the host's configuration, with what it mounts of other disks and of servers: %s", root, boot, made)
	}
	return fmt.Sprintf("set fileSystems.%s and fileSystems.%s in the host's configuration, and remove what else it mounts of that disk: %s", root, boot, made)
}

// without is the way out where a mount is too much.
func (c *comparison) without(point string) string {
	if c.disko {
		return c.whole()
	}
	return fmt.Sprintf("remove fileSystems.%q from the host's configuration: %s is on the ext4 root then", point, point)
}

// otherFileSystem looks at what the installer does not make. Without it the
// host would stop in emergency mode.
func (c *comparison) otherFileSystem(f *Facts, point string, fs FileSystem) {
	ref := refer(fs.Device)
	if fs.FSType == "zfs" && ref.kind == notDevice && fs.Device != "" {
		ref = poolOf(fs.Device)
	}
	optional := c.optional(f, point, fs)
	isLater := has(fs.Options, "noauto") && !has(fs.Options, "x-systemd.automount") && optional
	isStore := slices.Contains(mounts.Store, point)
	isNetwork := slices.Contains(mounts.Network, fs.FSType) || has(fs.Options, "_netdev") ||
		fs.FSType == "auto" && (strings.Contains(fs.Device, ":/") || strings.HasPrefix(fs.Device, "//")) // as mount(8) guesses
	isPseudo := slices.Contains(mounts.Pseudo, fs.FSType) || strings.HasPrefix(fs.FSType, "fuse.")
	mayFail := optional && !has(fs.Options, "x-systemd.automount")
	switch {
	case isLater:
	case has(fs.Options, "bind", "rbind"):
		if isStore && fs.Device != point {
			c.note("fileSystems.%q shows %q, and the installer puts the store on the root: extraPostMountCommands must bind it too", point, fs.Device)
		}
	case isNetwork && ref.kind == notDevice:
	case c.isRoot(f, ref):
		c.rootAgain(point, fs, mayFail)
	case slices.Contains(c.espOption().makes, ref) && (fs.FSType == "vfat" || fs.FSType == "auto"):
		c.mayFail(mayFail, func() { c.options(point, "vfat", fs, "") })
	case isStore && (ref.kind != notDevice || fs.FSType == "tmpfs" || !isPseudo):
		if optional && c.find(ref) != attached { // the root's own is used then
			return
		}
		c.differs(c.without(point), "fileSystems.%q is %s on %q, and the installer puts the store on the root: the host would not find it", point, fs.FSType, fs.Device)
	case optional, isPseudo && ref.kind == notDevice, point == f.Loader.EFISysMountPoint: // the last is the loader's
	case ref.kind == notDevice:
		c.noDevice(f, point, fs)
	default: // bcachefs has several
		for _, device := range strings.Split(strings.ReplaceAll(fs.Device, ":/dev/", "\x00/dev/"), "\x00") {
			if ref.kind != byPool {
				ref = refer(device)
			}
			c.needs(f, fmt.Sprintf("fileSystems.%q.device", point), device, ref, c.missing(f, point))
		}
	}
}

// missing is the way out where no disk has what is mounted.
func (c *comparison) missing(f *Facts, point string) string {
	if c.optional(f, point, FileSystem{Options: []string{"nofail"}}) {
		return fmt.Sprintf("attach the disk that has it, remove it, or add \"nofail\" to fileSystems.%q.options", point)
	}
	return fmt.Sprintf("attach the disk that has it, or remove fileSystems.%q from the host's configuration", point)
}

// optional tells whether the host starts without a mount. The initrd that is
// not systemd's asks the console what to do if one is missing that it needs,
// whatever its options (nixos/modules/system/boot/stage-1-init.sh). What needs
// the network is mounted after it, and a start goes on without it
// (systemd.mount(5): remote-fs.target), unless the initrd mounts it.
func (c *comparison) optional(f *Facts, point string, fs FileSystem) bool {
	isNeeded := slices.Contains(mounts.NeededForBoot, point) || slices.Contains(f.NeededForBoot, point)
	if isNeeded && f.Initrd.Systemd != nil && !*f.Initrd.Systemd {
		return false
	}
	return has(fs.Options, "nofail", "noauto", "x-systemd.automount") || has(fs.Options, "_netdev") && !isNeeded
}

// mayFail makes notes of what look finds wrong with a mount that a start does
// without.
func (c *comparison) mayFail(isSo bool, look func()) {
	bad, fixes := c.bad, c.fixes
	look()
	if !isSo {
		return
	}
	for _, b := range c.bad[len(bad):] {
		c.note("%s; the host starts without that mount", b)
	}
	c.bad, c.fixes = bad, fixes
}

// isRoot tells whether a device is that of the root: what is made, or what the
// host's configuration has in its place.
func (c *comparison) isRoot(f *Facts, ref reference) bool {
	root := f.FileSystems["/"]
	theirs := refer(root.Device)
	if root.FSType == "zfs" && theirs.kind == notDevice && root.Device != "" {
		theirs = poolOf(root.Device)
	}
	return ref.kind != notDevice && (slices.Contains(c.rootOption().makes, ref) || ref == theirs)
}

// rootAgain looks at a second mount of the root. The installer makes one file
// system without subvolumes, so that it shows all of the root once more, and
// hides what belongs there.
func (c *comparison) rootAgain(point string, fs FileSystem, mayFail bool) {
	isPlain := fs.FSType == "ext4" || fs.FSType == "auto"
	hides := slices.ContainsFunc(mounts.Filled, func(p string) bool { return point == p || strings.HasPrefix(point, p+"/") })
	hasSubdir := slices.ContainsFunc(flat(fs.Options), func(o string) bool { return strings.HasPrefix(o, "X-mount.subdir=") })
	switch {
	case !isPlain:
		c.mayFail(mayFail, func() {
			c.differs(c.without(point), "fileSystems.%q is %s on %q; the installer makes one ext4 file system there", point, fs.FSType, fs.Device)
		})
	case hides && !hasSubdir:
		c.differs(c.without(point), "fileSystems.%q is %s on %q, which is the root: it would show the root itself, and hide what is at %s", point, fs.FSType, fs.Device, point)
	default:
		if hasSubdir {
			c.note("fileSystems.%q shows a folder of the root (X-mount.subdir): extraMountDirs must make it", point)
		}
		c.mayFail(mayFail, func() { c.options(point, "ext4", fs, "") })
	}
}

// noDevice looks at a file system that needs a device, and does not name one.
func (c *comparison) noDevice(f *Facts, point string, fs FileSystem) {
	option := fmt.Sprintf("fileSystems.%q.device", point)
	switch {
	case fs.Device == "":
		c.differs(fmt.Sprintf("set %s in the host's configuration, or remove it", option), "%s is not set", option)
	case strings.HasPrefix(fs.Device, "/nix/store/"):
	case strings.HasPrefix(fs.Device, "/"):
		c.note("%s is the file %q, which the installer does not make: a start may stop without it", option, fs.Device)
	default:
		c.elsewhere(option, fs.Device, refer(fs.Device), c.missing(f, point))
	}
}

// needs looks for a device that the host needs. What is in a container that the
// host opens cannot be seen before.
func (c *comparison) needs(f *Facts, option, device string, ref reference, fix string) {
	inside := slices.Collect(maps.Keys(f.LUKSDevices)) // opened from what is looked for by itself
	inside = slices.DeleteFunc(slices.Concat(inside, f.Crypttab), func(name string) bool { return c.made.LUKS != "" && name == c.opened })
	switch {
	case ref.kind == byMapper && slices.Contains(inside, ref.name):
	case len(inside) > 0 && ref.kind != byMapper && c.find(ref) == nowhere:
		c.note("%s is %q, which the installer does not make and no disk here shows: it may be in a container that the host opens", option, device)
	default:
		c.elsewhere(option, device, ref, fix)
	}
}

// elsewhere looks for a device that the installer does not make.
func (c *comparison) elsewhere(option, device string, ref reference, fix string) {
	switch c.find(ref) {
	case onTarget:
		c.differs("remove it from the host's configuration, or choose another disk",
			"%s is %q, on the disk that will be erased; the installer does not make it again", option, device)
	case nowhere:
		c.differs(fix, "%s is %q; the installer does not make it, and no disk here has it", option, device)
	case attached:
	}
}
