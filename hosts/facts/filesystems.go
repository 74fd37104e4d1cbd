package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const espPoint = "/boot" // where the installer mounts the ESP

func sortedNames[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// rootOption names the root by its label, and by what holds it: the container
// under the host's own name, or the partition.
func (c *Comparison) rootOption() option {
	holder := Reference{ByPartLabel, c.made.Labels.Root}
	if c.made.LUKS.Enable {
		holder = Reference{ByMapper, c.opened}
	}
	return option{name: `fileSystems."/".device`, key: "labels.root", makes: []Reference{{ByLabel, c.made.Labels.Root}, holder}}
}

func (c *Comparison) espOption() option {
	return option{name: `fileSystems."/boot".device`, key: "labels.efi", makes: []Reference{{ByLabel, c.made.Labels.EFI}, {ByPartLabel, c.made.Labels.EFI}}}
}

func (c *Comparison) fileSystems() {
	c.fileSystem("/", c.rootOption(), "ext4")
	c.fileSystem(espPoint, c.espOption(), "vfat")
	for _, point := range sortedNames(c.facts.FileSystems) {
		if point != "/" && point != espPoint {
			c.otherFileSystem(point, c.facts.FileSystems[point])
		}
	}
}

// fileSystem compares one of the two file systems that the installer makes.
func (c *Comparison) fileSystem(point string, o option, fsType string) {
	fs, ok := c.facts.FileSystems[point]
	if !ok {
		fix := fmt.Sprintf("set %s = %q and fsType = %q in the host's configuration", o.name, o.makes[0], fsType)
		if c.facts.Disko {
			fix = c.whole()
		}
		c.Differs(fix, "the host has no fileSystems.%q; the installer makes it, as %s", point, o.makes[0])
		return
	}
	fits := fs.FSType == fsType || fs.FSType == "auto"
	if !fits { // another device alone would not help
		o.fix = c.whole()
	}
	if fits || Refer(fs.Device).Kind != NotDevice { // a tmpfs has no device
		c.device(o, fs.Device)
	}
	if !fits {
		c.Differs(c.whole(), "fileSystems.%q.fsType is %q; the installer makes %s", point, fs.FSType, fsType)
	}
	fix := ""
	if c.facts.Disko && !fits {
		fix = c.whole()
	}
	c.mountOptions(point, fsType, fs, fix)
}

// whole is the fix where another device or type alone does not help: the root
// is of another kind, or the host mounts file systems for what is on the ext4
// root.
func (c *Comparison) whole() string {
	root := fmt.Sprintf(`"/" = { device = "%s"; fsType = "ext4"; }`, Reference{ByLabel, c.made.Labels.Root})
	boot := fmt.Sprintf(`"/boot" = { device = "%s"; fsType = "vfat"; }`, Reference{ByLabel, c.made.Labels.EFI})
	const made = "this installer makes one ext4 root and an ESP, with swap and LUKS as host.toml says, and no other file system"
	if c.facts.Disko {
		return fmt.Sprintf("set fileSystems = lib.mkForce { %s; %s; } in the host's configuration, "+
			"with what it mounts of other disks and of servers: %s", root, boot, made)
	}
	return fmt.Sprintf("set fileSystems.%s and fileSystems.%s in the host's configuration, "+
		"and remove what else it mounts of that disk: %s", root, boot, made)
}

// without is the fix that removes a mount.
func (c *Comparison) without(point string) string {
	if c.facts.Disko {
		return c.whole()
	}
	return fmt.Sprintf("remove fileSystems.%q from the host's configuration: %s is on the ext4 root then", point, point)
}

// deviceOf takes apart what is mounted. A ZFS dataset counts as its pool.
func deviceOf(fs FileSystem) Reference {
	ref := Refer(fs.Device)
	if fs.FSType == "zfs" && ref.Kind == NotDevice && fs.Device != "" {
		return PoolOf(fs.Device)
	}
	return ref
}

// otherFileSystem checks a mount that the installer does not make. If it is
// missing, the host stops in emergency mode.
func (c *Comparison) otherFileSystem(point string, fs FileSystem) {
	ref := deviceOf(fs)
	optional := c.optional(point, fs)
	onDemand := has(fs.Options, "x-systemd.automount")
	isStore := slices.Contains(mounts.Store, point)
	isNetwork := slices.Contains(mounts.Network, fs.FSType) || has(fs.Options, "_netdev") ||
		fs.FSType == "auto" && (strings.Contains(fs.Device, ":/") || strings.HasPrefix(fs.Device, "//")) // as mount(8) guesses
	isPseudo := slices.Contains(mounts.Pseudo, fs.FSType) || strings.HasPrefix(fs.FSType, "fuse.")
	switch {
	case optional && has(fs.Options, "noauto") && !onDemand: // not mounted at the start
	case has(fs.Options, "bind", "rbind"):
		if isStore && fs.Device != point {
			c.Note("fileSystems.%q shows %q, and the installer puts the store on the root: extraPostMountCommands must bind it too", point, fs.Device)
		}
	case isNetwork && ref.Kind == NotDevice:
	case c.isRoot(ref):
		c.rootAgain(point, fs, optional && !onDemand)
	case slices.Contains(c.espOption().makes, ref) && (fs.FSType == "vfat" || fs.FSType == "auto"):
		c.mayFail(optional && !onDemand, func() { c.mountOptions(point, "vfat", fs, "") })
	case isStore && (ref.Kind != NotDevice || fs.FSType == "tmpfs" || !isPseudo):
		if optional && !c.isElsewhere(ref) { // the host uses the store on the root then
			return
		}
		c.Differs(c.without(point), "fileSystems.%q is %s on %q, and the installer puts the store on the root: the host would not find it",
			point, fs.FSType, fs.Device)
	case optional, isPseudo && ref.Kind == NotDevice, point == c.facts.Loader.EFISysMountPoint: // loader reports the last
	case ref.Kind == NotDevice:
		c.noDevice(point, fs)
	default: // bcachefs has several
		for _, device := range strings.Split(strings.ReplaceAll(fs.Device, ":/dev/", "\x00/dev/"), "\x00") {
			if ref.Kind != ByPool {
				ref = Refer(device)
			}
			c.needs(fmt.Sprintf("fileSystems.%q.device", point), device, ref, c.missing(point))
		}
	}
}

// missing is the fix where no disk has what the host mounts.
func (c *Comparison) missing(point string) string {
	if c.optional(point, FileSystem{Options: []string{"nofail"}}) {
		return fmt.Sprintf("attach the disk that has it, remove it, or add \"nofail\" to fileSystems.%q.options", point)
	}
	return fmt.Sprintf("attach the disk that has it, or remove fileSystems.%q from the host's configuration", point)
}

// optional tells whether the host starts without a mount. A scripted initrd
// that lacks a mount which it needs asks at the console what to do, whatever
// the mount's options (nixos/modules/system/boot/stage-1-init.sh). A mount that
// needs the network comes after it, and the start goes on without it
// (systemd.mount(5): remote-fs.target), unless the initrd mounts it.
func (c *Comparison) optional(point string, fs FileSystem) bool {
	isNeeded := slices.Contains(mounts.NeededForBoot, point) || slices.Contains(c.facts.NeededForBoot, point)
	if systemd := c.facts.Initrd.Systemd; isNeeded && systemd != nil && !*systemd {
		return false
	}
	return has(fs.Options, "nofail", "noauto", "x-systemd.automount") || has(fs.Options, "_netdev") && !isNeeded
}

// mayFail runs check; if the host starts without the mount, its mismatches
// become notes.
func (c *Comparison) mayFail(startsWithout bool, check func()) {
	before := len(c.Mismatches)
	check()
	if !startsWithout {
		return
	}
	for _, m := range c.Mismatches[before:] {
		c.Note("%s; the host starts without that mount", m.Problem)
	}
	c.Mismatches = c.Mismatches[:before]
}

// isRoot tells whether a device is the root's: the one that the installer
// makes, or the one that the host's configuration has in its place.
func (c *Comparison) isRoot(ref Reference) bool {
	return ref.Kind != NotDevice && (slices.Contains(c.rootOption().makes, ref) || ref == deviceOf(c.facts.FileSystems["/"]))
}

// rootAgain checks a second mount of the root. The installer makes one file
// system without subvolumes, so the second mount shows all of it again, and
// hides what the root has at that point.
func (c *Comparison) rootAgain(point string, fs FileSystem, startsWithout bool) {
	hides := slices.ContainsFunc(mounts.Filled, func(p string) bool { return point == p || strings.HasPrefix(point, p+"/") })
	hasSubdir := slices.ContainsFunc(flat(fs.Options), isSubdir)
	switch {
	case fs.FSType != "ext4" && fs.FSType != "auto":
		c.mayFail(startsWithout, func() {
			c.Differs(c.without(point), "fileSystems.%q is %s on %q; the installer makes one ext4 file system there", point, fs.FSType, fs.Device)
		})
	case hides && !hasSubdir:
		c.Differs(c.without(point), "fileSystems.%q is %s on %q, which is the root: it would show the root itself, and hide %s",
			point, fs.FSType, fs.Device, point)
	default:
		if hasSubdir {
			c.Note("fileSystems.%q shows a folder of the root (X-mount.subdir): extraMountDirs must make it", point)
		}
		c.mayFail(startsWithout, func() { c.mountOptions(point, "ext4", fs, "") })
	}
}

// noDevice checks a file system that needs a device and names none.
func (c *Comparison) noDevice(point string, fs FileSystem) {
	option := fmt.Sprintf("fileSystems.%q.device", point)
	switch {
	case fs.Device == "":
		c.Differs(fmt.Sprintf("set %s in the host's configuration, or remove it", option), "%s is not set", option)
	case strings.HasPrefix(fs.Device, "/nix/store/"):
	case strings.HasPrefix(fs.Device, "/"):
		c.Note("%s is the file %q, which the installer does not make: a start may stop without it", option, fs.Device)
	default:
		c.elsewhere(option, fs.Device, Refer(fs.Device), c.missing(point))
	}
}

// needs looks for a device that the host needs. The contents of a container
// that the host opens are invisible until it does.
func (c *Comparison) needs(option, device string, ref Reference, fix string) {
	inside := slices.DeleteFunc(slices.Concat(sortedNames(c.facts.LUKSDevices), c.facts.Crypttab), func(name string) bool {
		return c.made.LUKS.Enable && name == c.opened
	})
	switch {
	case ref.Kind == ByMapper && slices.Contains(inside, ref.Name): // luks looks for the container
	case len(inside) > 0 && ref.Kind != ByMapper && c.find(ref) == Nowhere:
		c.Note("%s is %q, which the installer does not make and no disk here shows: it may be in a container that the host opens", option, device)
	default:
		c.elsewhere(option, device, ref, fix)
	}
}
