package contract

import (
	"fmt"
	"slices"
	"strings"
)

// loader looks for a boot loader that UEFI firmware starts from the ESP, with
// nothing but this disk.
func (c *comparison) loader(f *Facts) {
	l := f.Loader
	const removable = "set boot.loader.grub.efiInstallAsRemovable = true, or boot.loader.efi.canTouchEfiVariables = true, in the host's configuration"
	const use = "set boot.loader.systemd-boot.enable = true in the host's configuration"
	if l.EFISysMountPoint != "" && l.EFISysMountPoint != espPoint {
		fix := `set boot.loader.efi.efiSysMountPoint = "/boot" in the host's configuration`
		if _, ok := f.FileSystems[l.EFISysMountPoint]; ok {
			fix += fmt.Sprintf(", and remove fileSystems.%q", l.EFISysMountPoint)
		}
		c.differs(fix,
			"boot.loader.efi.efiSysMountPoint is %q; the installer mounts the ESP at %s", l.EFISysMountPoint, espPoint)
	}
	switch {
	case l.SystemdBoot:
	case l.Lanzaboote:
		c.note("boot.lanzaboote signs what it installs: without its keys on the target, installing the boot loader fails")
	case l.Limine && l.LimineEFISupport != nil && !*l.LimineEFISupport:
		c.differs("set boot.loader.limine.efiSupport = true in the host's configuration",
			"the host starts by Limine for BIOS (boot.loader.limine.efiSupport is false); the installer makes a disk for UEFI")
	case l.Limine && !slices.Contains([]string{"", "nodev"}, l.LimineBIOSDevice):
		c.differs("set boot.loader.limine.biosSupport = false in the host's configuration",
			"boot.loader.limine writes to %s as well; the installer writes to no disk but the one that was chosen", l.LimineBIOSDevice)
	case l.Other():
		c.note("the host's boot loader is not systemd-boot or GRUB: what the firmware starts is proven as far as that is known")
	case l.Grub.Enable && !l.Grub.EFISupport:
		c.differs(use+", or boot.loader.grub.efiSupport = true with device = \"nodev\"",
			"the host starts by GRUB for BIOS (boot.loader.grub.efiSupport is false); the installer makes a disk for UEFI")
	case l.Grub.Enable:
		if disks := slices.DeleteFunc(slices.Clone(l.Grub.Devices), func(d string) bool { return d == "nodev" }); len(disks) > 0 {
			c.differs(`set boot.loader.grub.device = "nodev" in the host's configuration`,
				"boot.loader.grub writes to %s as well; the installer writes to no disk but the one that was chosen", strings.Join(disks, ", "))
		}
		if !l.Grub.EFIInstallAsRemovable && !l.CanTouchEFIVariables {
			c.differs(removable, "boot.loader.grub is neither to be installed as removable nor to make a boot entry; the firmware would not find it on the new disk")
		}
	case l.Extlinux:
		c.differs(use, "the host starts by extlinux (boot.loader.generic-extlinux-compatible); the installer makes a disk for UEFI")
	default:
		c.differs(use, "the host has no boot loader on; the installer makes a disk that UEFI firmware starts")
	}
}
