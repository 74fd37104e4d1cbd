package contract

import (
	"context"
	"errors"

	"auto-installer/hosts/facts"
	"auto-installer/internal/boot/efi"
	"auto-installer/internal/sys"
)

// minVariables is the least room for a boot entry and what a loader stores
// beside it, in bytes.
const minVariables = 2 << 10

// firmware is what a boot loader needs of this machine's firmware.
type firmware struct {
	secureBoot bool
	variables  bool  // readable
	room       int64 // for more of them, in bytes; -1: unknown
}

// firmware checks that the firmware will let the loader be installed and start it.
// What it refuses would otherwise show at the very end, with the disk written.
func (c *checks) firmware(context.Context, sys.System) error {
	fw, err := readFirmware(c.Sys)
	if err != nil {
		return sys.WithHint(err, sys.CodeMachine, "this needs /sys", "reading the firmware's variables")
	}
	judgeFirmware(c.Comparison, c.Found.Loader, fw)
	return nil
}

// readFirmware reads the firmware's variables below root. The preflight step
// refuses a machine without UEFI.
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

func judgeFirmware(c *facts.Comparison, l facts.Loader, f firmware) {
	name := ""
	switch {
	case l.SystemdBoot:
		name = "systemd-boot"
	case l.Grub.Enable:
		name = "GRUB"
	}
	if f.secureBoot && name != "" && !l.Lanzaboote {
		c.Differs("switch Secure Boot off in the firmware, or have the host sign what it starts (boot.lanzaboote)",
			"Secure Boot is on, and the host's %s has no signature: the firmware would not start it", name)
	}
	const without = "set boot.loader.efi.canTouchEfiVariables = false in the host's configuration"
	switch {
	case !l.CanTouchEFIVariables:
	case !f.variables:
		c.Differs("mount them (mount -t efivarfs efivarfs /sys/firmware/efi/efivars), or "+without,
			"boot.loader.efi.canTouchEfiVariables is true, and the firmware's variables cannot be read: the boot loader could not be installed")
	case f.room >= 0 && f.room < minVariables:
		c.Differs("remove old boot entries (efibootmgr), or "+without,
			"boot.loader.efi.canTouchEfiVariables is true, and the firmware has no room for a boot entry: %d bytes for variables are left", f.room)
	}
}
