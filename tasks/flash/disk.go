package flash

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
)

// disk is an open block device. Reads and writes go past the page cache, so that
// progress is true and verification reads the device.
type disk struct {
	*os.File
	size   int64 // bytes
	sector int   // bytes
}

// held is the disk that Held has open for writing. Until Held releases it, nothing
// can mount it or a part of it, and udev stays away.
func held(h *block.Held) (*disk, error) {
	f := h.File()
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags|unix.O_DIRECT)
	}
	return &disk{File: f, size: h.Facts().Size, sector: h.Facts().LogicalSector}, err
}

func (d *disk) fd() int { return int(d.Fd()) }

// Requests of ioctl(2) that x/sys does not have (linux/cdrom.h,
// scsi/scsi_ioctl.h). Both work on every SCSI disk, including USB sticks.
const (
	cdromEject     = 0x5309 // START STOP UNIT with the LOEJ bit (SBC-4 §5.31)
	scsiDoorUnlock = 0x5381 // PREVENT ALLOW MEDIUM REMOVAL (SPC-4 §6.16): allow
)

// eject prepares the device for unplugging. The kernel locks the medium while a
// device is open, hence the first request.
//
// A stick that is not marked removable ignores the second, and a desktop would
// mount it as soon as it is released. So eject removes it from the bus, until it
// is plugged in again. Number is its device number.
func (d *disk) eject(number string) error {
	sysfs := filepath.Join("/sys/dev/block", number)
	_ = unix.IoctlSetInt(d.fd(), scsiDoorUnlock, 0) // not every device has a lock
	err := unix.IoctlSetInt(d.fd(), cdromEject, 0)
	if removable, _ := os.ReadFile(filepath.Join(sysfs, "removable")); string(removable) != "0\n" {
		return err
	}
	if e := os.WriteFile(filepath.Join(sysfs, "device/delete"), []byte("1"), 0o200); !errors.Is(e, fs.ErrNotExist) {
		return e
	}
	return err // not a SCSI disk
}
