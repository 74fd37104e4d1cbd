package facts

import (
	"fmt"
	"slices"
	"strings"
)

// loader wants a boot loader that UEFI firmware starts from the ESP, with this
// disk alone.
func (c *Comparison) loader() {
	l := c.facts.Loader
	const use = "set boot.loader.systemd-boot.enable = true in the host's configuration"
	const otherDisk = "%s writes to %s as well; the installer writes to the chosen disk only"
	if l.EFISysMountPoint != "" && l.EFISysMountPoint != espPoint {
		fix := `set boot.loader.efi.efiSysMountPoint = "/boot" in the host's configuration`
		if _, ok := c.facts.FileSystems[l.EFISysMountPoint]; ok {
			fix += fmt.Sprintf(", and remove fileSystems.%q", l.EFISysMountPoint)
		}
		c.Differs(fix, "boot.loader.efi.efiSysMountPoint is %q; the installer mounts the ESP at %s", l.EFISysMountPoint, espPoint)
	}
	switch {
	case l.SystemdBoot:
	case l.Lanzaboote:
		c.Note("boot.lanzaboote signs what it installs: without its keys on the target, installing the boot loader fails")
	case l.Limine && l.LimineEFISupport != nil && !*l.LimineEFISupport:
		c.Differs("set boot.loader.limine.efiSupport = true in the host's configuration",
			"the host starts by Limine for BIOS (boot.loader.limine.efiSupport is false); the installer makes a disk for UEFI")
	case l.Limine && !slices.Contains([]string{"", "nodev"}, l.LimineBIOSDevice):
		c.Differs("set boot.loader.limine.biosSupport = false in the host's configuration", otherDisk, "boot.loader.limine", l.LimineBIOSDevice)
	case l.Other():
		c.Note("the host's boot loader is not systemd-boot or GRUB: the boot proof checks only what the firmware starts")
	case l.Grub.Enable && !l.Grub.EFISupport:
		c.Differs(use+", or boot.loader.grub.efiSupport = true with device = \"nodev\"",
			"the host starts by GRUB for BIOS (boot.loader.grub.efiSupport is false); the installer makes a disk for UEFI")
	case l.Grub.Enable:
		if disks := slices.DeleteFunc(slices.Clone(l.Grub.Devices), func(d string) bool { return d == "nodev" }); len(disks) > 0 {
			c.Differs(`set boot.loader.grub.device = "nodev" in the host's configuration`, otherDisk, "boot.loader.grub", strings.Join(disks, ", "))
		}
		if !l.Grub.EFIInstallAsRemovable && !l.CanTouchEFIVariables {
			c.Differs("set boot.loader.grub.efiInstallAsRemovable = true, or boot.loader.efi.canTouchEfiVariables = true, in the host's configuration",
				"boot.loader.grub neither installs itself as removable nor makes a boot entry; the firmware would not find it on the new disk")
		}
	case l.Extlinux:
		c.Differs(use, "the host starts by extlinux (boot.loader.generic-extlinux-compatible); the installer makes a disk for UEFI")
	default:
		c.Differs(use, "the host enables no boot loader; the installer makes a disk that UEFI firmware starts")
	}
}
