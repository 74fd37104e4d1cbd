package contract

import (
	"errors"

	"auto-installer/internal/boot/efi"
)

// minVariables is the least room for a boot entry and what a loader notes
// beside it, in bytes.
const minVariables = 2 << 10

// firmware is what this machine's firmware says that a boot loader depends on.
type firmware struct {
	secureBoot bool
	variables  bool  // they can be seen
	room       int64 // for more of them, in bytes; -1: not known
}

// readFirmware looks at the firmware below root. A machine without UEFI is the
// preflight's to refuse.
func readFirmware(root string) (firmware, error) {
	boot, err := efi.Read(root)
	switch {
	case errors.Is(err, efi.ErrNoUEFI), errors.Is(err, efi.ErrNoVars):
		return firmware{room: -1}, nil
	case err != nil:
		return firmware{}, err
	}
	return firmware{
		secureBoot: boot.SecureBoot != nil && *boot.SecureBoot,
		variables:  true,
		room:       efi.Room(root),
	}, nil
}

// starts sees that the firmware will let the loader be installed and start it:
// what it refuses would show at the very end, with the disk written.
func (c *comparison) starts(l Loader, f firmware) {
	name := ""
	switch {
	case l.SystemdBoot:
		name = "systemd-boot"
	case l.Grub.Enable:
		name = "GRUB"
	}
	if f.secureBoot && name != "" && !l.Lanzaboote {
		c.differs("switch Secure Boot off in the firmware, or have the host sign what it starts (boot.lanzaboote)",
			"Secure Boot is on, and the host's %s has no signature: the firmware would not start it", name)
	}
	const without = "set boot.loader.efi.canTouchEfiVariables = false in the host's configuration"
	switch {
	case !l.CanTouchEFIVariables:
	case !f.variables:
		c.differs("mount them (mount -t efivarfs efivarfs /sys/firmware/efi/efivars), or "+without,
			"boot.loader.efi.canTouchEfiVariables is true, and the firmware's variables cannot be seen: the boot loader could not be installed")
	case f.room >= 0 && f.room < minVariables:
		c.differs("remove old boot entries (efibootmgr), or "+without,
			"boot.loader.efi.canTouchEfiVariables is true, and the firmware has no room for a boot entry: %d bytes for variables are left", f.room)
	}
}
