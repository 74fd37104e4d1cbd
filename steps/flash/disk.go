package flash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/steps/internal/block"
	"auto-installer/steps/internal/sys"
)

// disk is an open block device. Reads and writes go past the page cache, so
// that progress is true and what is read back comes from the device.
type disk struct {
	*os.File
	size   int64 // bytes
	sector int   // bytes
}

// lockPatience is how long udev may take to look at a disk.
const lockPatience = 10 * time.Second

// openDisk opens a disk. For writing it is held such that nobody can mount it
// or a part of it (open(2), O_EXCL of a block device), and udev does not look
// at it before it is let go of (systemd: docs/BLOCK_DEVICE_LOCKING.md). Nothing
// was written if it fails.
func openDisk(ctx context.Context, path string, write bool) (*disk, error) {
	flags := os.O_RDONLY
	if write {
		flags = os.O_RDWR | os.O_EXCL
	}
	f, err := os.OpenFile(path, flags|unix.O_DIRECT, 0)
	if err != nil {
		return nil, openFault(path, err)
	}
	d := &disk{File: f}
	if d.size, err = f.Seek(0, io.SeekEnd); err == nil {
		d.sector, err = unix.IoctlGetInt(d.fd(), unix.BLKSSZGET)
	}
	if err == nil && write {
		err = d.lock(ctx)
	}
	if err != nil {
		return nil, errors.Join(openFault(path, err), f.Close())
	}
	return d, nil
}

func (d *disk) fd() int { return int(d.Fd()) }

func (d *disk) lock(ctx context.Context) error {
	for deadline := time.Now().Add(lockPatience); ; {
		err := unix.Flock(d.fd(), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		if time.Now().After(deadline) {
			return unix.EBUSY
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func openFault(path string, err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		return sys.Faultf(sys.CodeGate, "`lsblk` and `fuser` show what uses it; let go of it and start over", "%s is in use", path)
	case errors.Is(err, fs.ErrPermission):
		return NoPermission(path)
	case errors.Is(err, unix.EROFS):
		return sys.Faultf(sys.CodeDisk, "look for a switch on it, or take another", "%s is write-protected", path)
	case errors.Is(err, unix.ENOMEDIUM):
		return sys.Faultf(sys.CodeDisk, "put one in", "%s has no medium in it", path)
	}
	return sys.WithHint(err, sys.CodeGate, "if it was pulled out, plug it in and start over; nothing was written", "opening "+path)
}

// NoPermission is the error of a disk that this user may not open.
func NoPermission(path string) error {
	return sys.Faultf(sys.CodeMachine, "run it with sudo, or as root", "%s cannot be opened by this user", path)
}

// identify makes sure that the open device is the disk that was confirmed: no
// other can take its number while it is open, so what is found by that number
// now is what will be written to.
func (d *disk) identify(ctx context.Context, s sys.System, id block.Identity) error {
	const hint = "look at the disks again and confirm anew; nothing was written"
	var st unix.Stat_t
	if err := unix.Fstat(d.fd(), &st); err != nil {
		return sys.WithHint(err, sys.CodeGate, hint, "looking at "+d.Name())
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	if st.Mode&unix.S_IFMT != unix.S_IFBLK || d.size != id.Size || d.sector != id.LogicalSector {
		return sys.Faultf(sys.CodeGate, hint, "%s is not the disk that was confirmed: it has %d bytes in sectors of %d, not %d in sectors of %d",
			d.Name(), d.size, d.sector, id.Size, id.LogicalSector)
	}
	inv, err := block.Survey(ctx, s, "/")
	if err != nil {
		return err
	}
	found, err := inv.Find(id)
	if err != nil {
		return sys.Faultf(sys.CodeGate, hint, "%w", err)
	}
	if found.DevNo != number {
		return sys.Faultf(sys.CodeGate, hint, "%s is not the disk that was confirmed: that is device %s, and this %s", d.Name(), found.DevNo, number)
	}
	return nil
}

// sysfs is a file that the kernel shows of the device.
func (d *disk) sysfs(name string) string {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd(), &st); err != nil {
		return ""
	}
	return filepath.Join("/sys/dev/block", fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)), name)
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
