package block

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// Facts are what the kernel says of an open disk: by ioctl, and in sysfs by its
// device number.
type Facts struct {
	DevNo         string // major:minor
	DiskSeq       uint64 // 0: the kernel has none
	Size          int64  // bytes
	LogicalSector int    // bytes
	ReadOnly      bool
	Serial, WWN   string // as sysfs writes them; may be empty
}

func factsOf(f *os.File) (Facts, error) {
	number, err := deviceNumber(f)
	if err != nil {
		return Facts{}, err
	}
	fd, home := int(f.Fd()), sysfsOf(number)
	seq, errSeq := diskSeq(fd)
	sector, errSector := unix.IoctlGetInt(fd, unix.BLKSSZGET)
	ro, errRO := unix.IoctlGetInt(fd, unix.BLKROGET)
	size, errSize := unix.IoctlGetInt(fd, unix.BLKGETSIZE64)
	_, errHome := os.Stat(home)
	return Facts{
		DevNo: number, DiskSeq: seq, Size: int64(size), LogicalSector: sector, ReadOnly: ro != 0,
		Serial: firstText(home, "serial", "device/serial"), WWN: firstText(home, "wwid", "device/wwid"),
	}, errors.Join(errSeq, errSector, errRO, errSize, errHome)
}

// Differ says how the facts contradict a device, or is empty.
func (f Facts) Differ(d Device) string {
	differ := func(what string, is, found any) string {
		return fmt.Sprintf("%s is not the disk that was confirmed: its %s is %v, not %v", d.Path, what, is, found)
	}
	switch {
	case f.DevNo != d.DevNo:
		return differ("device number", f.DevNo, d.DevNo)
	case f.DiskSeq != d.DiskSeq && f.DiskSeq != 0 && d.DiskSeq != 0:
		return differ("sequence number", f.DiskSeq, d.DiskSeq)
	case f.Size != d.Size:
		return differ("size in bytes", f.Size, d.Size)
	case f.LogicalSector != d.LogicalSector:
		return differ("sector size", f.LogicalSector, d.LogicalSector)
	case f.ReadOnly:
		return d.Path + " is write-protected"
	case unlike(serialForm(f.Serial), serialForm(d.Serial)):
		return differ("serial number", f.Serial, d.Serial)
	case unlike(wwnForm(f.WWN), wwnForm(d.WWN)):
		return differ("WWN", f.WWN, d.WWN)
	}
	return ""
}

// unlike reports whether two names of one thing contradict each other: lsblk and
// sysfs may each omit a part.
func unlike(a, b string) bool {
	return a != "" && b != "" && !strings.Contains(a, b) && !strings.Contains(b, a)
}

// serialForm writes a serial number as udev does (systemd: udev-util.c).
func serialForm(s string) string { return strings.Join(strings.Fields(s), "_") }

// wwnForm is the digits of a WWN, or empty for other names in its place in sysfs,
// such as t10.*.
func wwnForm(s string) string {
	kind, digits := cutWWN(s)
	if kind == "" {
		return ""
	}
	return digits
}

// diskSeq is the kernel's sequence number of the disk, or 0 before Linux 5.15. It
// has 64 bits, as an int has wherever this program runs.
func diskSeq(fd int) (uint64, error) {
	seq, err := unix.IoctlGetInt(fd, unix.BLKGETDISKSEQ)
	if errors.Is(err, unix.ENOTTY) {
		return 0, nil
	}
	return uint64(seq), err
}

func deviceNumber(f *os.File) (string, error) {
	number, err := nodeNumber(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		err = fmt.Errorf("%s: %w", f.Name(), err)
	}
	return number, err
}

// nodeNumber is the major:minor of the block device that a path leads to.
func nodeNumber(path string) (string, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFBLK {
		err = unix.ENOTBLK
	}
	if err != nil {
		return "", &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return MajorMinor(st.Rdev), nil
}

// MajorMinor is a device number as the kernel prints it.
func MajorMinor(dev uint64) string { return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) }

func sysfsOf(devNo string) string { return filepath.Join("/sys/dev/block", devNo) }

func OpenFault(path string, err error) error {
	switch {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EWOULDBLOCK):
		return sys.Faultf(sys.CodeGate, "`lsblk` and `fuser` show what uses it; release it and start over", "%s is in use", path)
	case errors.Is(err, unix.EROFS):
		return sys.Faultf(sys.CodeDisk, "look for a switch on it, or use another disk", "%s is write-protected", path)
	case errors.Is(err, fs.ErrPermission):
		return NoPermission(path)
	case errors.Is(err, unix.ENOMEDIUM):
		return sys.Faultf(sys.CodeDisk, "insert one", "%s has no medium", path)
	}
	return sys.WithHint(err, sys.CodeGate, "if it was unplugged, plug it in and start over; nothing was written", "opening "+path)
}

// NoPermission is the error for a disk that this user may not open.
func NoPermission(path string) error {
	return sys.Faultf(sys.CodeMachine, "run it with sudo, or as root", "%s cannot be opened by this user", path)
}
