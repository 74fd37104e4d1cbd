package flash

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// disk is an open block device. Reads and writes go past the page cache, so
// that progress is true and what is read back comes from the device.
type disk struct {
	*os.File
	size   int64 // bytes
	sector int   // bytes
}

// held is the disk that Held has open for writing. Nobody can mount it or a
// part of it, and udev does not look at it, before it is let go of.
func held(h *block.Held) (*disk, error) {
	f := h.File()
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags|unix.O_DIRECT)
	}
	return &disk{File: f, size: h.Facts().Size, sector: h.Facts().LogicalSector}, err
}

// openDisk opens a disk for reading.
func openDisk(path string) (*disk, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return nil, block.OpenFault(path, err)
	}
	d := &disk{File: f}
	if d.size, err = f.Seek(0, io.SeekEnd); err == nil {
		d.sector, err = unix.IoctlGetInt(d.fd(), unix.BLKSSZGET)
	}
	if err != nil {
		return nil, errors.Join(block.OpenFault(path, err), f.Close())
	}
	return d, nil
}

func (d *disk) fd() int { return int(d.Fd()) }

// identify makes sure that the disk which is held is the one that was confirmed.
func identify(ctx context.Context, s sys.System, h *block.Held, id block.Identity) error {
	const hint = "look at the disks again and confirm anew; nothing was written"
	inv, err := block.Survey(ctx, s, "/")
	if err != nil {
		return err
	}
	found, err := inv.Find(id)
	if err != nil {
		return sys.Faultf(sys.CodeGate, hint, "%w", err)
	}
	if why := h.Facts().Differ(found); why != "" {
		return sys.Faultf(sys.CodeGate, hint, "%s", why)
	}
	return nil
}

// sysfs is a file that the kernel shows of the device.
func (d *disk) sysfs(name string) string {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd(), &st); err != nil {
		return ""
	}
	return filepath.Join("/sys/dev/block", block.MajorMinor(st.Rdev), name)
}

// Requests of ioctl(2) that x/sys does not name (linux/cdrom.h,
// scsi/scsi_ioctl.h). Both work on every SCSI disk, USB sticks among them.
const (
	cdromEject     = 0x5309 // START STOP UNIT with the LOEJ bit (SBC-4 §5.31)
	scsiDoorUnlock = 0x5381 // PREVENT ALLOW MEDIUM REMOVAL (SPC-4 §6.16): allow
)

// eject tells the device that it will be pulled out. The kernel locks the
// medium in for as long as a device is open, hence the first request.
//
// A stick that does not call its medium removable stays as it is after that,
// and a desktop would mount what is on it as soon as it is let go of; so it is
// taken off the bus, until it is plugged in again.
func (d *disk) eject() error {
	_ = unix.IoctlSetInt(d.fd(), scsiDoorUnlock, 0) // not every device has a lock
	err := unix.IoctlSetInt(d.fd(), cdromEject, 0)
	if removable, _ := os.ReadFile(d.sysfs("removable")); string(removable) != "0\n" {
		return err
	}
	if e := os.WriteFile(d.sysfs("device/delete"), []byte("1"), 0o200); !errors.Is(e, fs.ErrNotExist) {
		return e
	}
	return err // not a SCSI disk
}
