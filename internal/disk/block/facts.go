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

// Facts are what a disk says of itself through an open descriptor: by ioctl,
// and by what sysfs shows of its device number.
type Facts struct {
	DevNo         string // major:minor
	DiskSeq       uint64 // 0: the kernel has none
	Size          int64  // bytes
	LogicalSector int    // bytes
	ReadOnly      bool
	Serial, WWN   string // as sysfs writes them; empty: it has none
}

func factsOf(f *os.File) (Facts, error) {
	number, err := deviceNumber(f)
	if err != nil {
		return Facts{}, err
	}
	facts := Facts{DevNo: number}
	fd := int(f.Fd())
	if facts.DiskSeq, err = diskSeq(fd); err != nil {
		return Facts{}, err
	}
	if facts.LogicalSector, err = unix.IoctlGetInt(fd, unix.BLKSSZGET); err != nil {
		return Facts{}, err
	}
	ro, err := unix.IoctlGetInt(fd, unix.BLKROGET)
	if err != nil {
		return Facts{}, err
	}
	facts.ReadOnly = ro != 0
	size, err := unix.IoctlGetInt(fd, unix.BLKGETSIZE64)
	if err != nil {
		return Facts{}, err
	}
	facts.Size = int64(size)
	home := sysfsOf(number)
	if _, err := os.Stat(home); err != nil {
		return Facts{}, err
	}
	first := func(names ...string) string {
		for _, n := range names {
			if text := readText(filepath.Join(home, n)); text != "" {
				return text
			}
		}
		return ""
	}
	facts.Serial = first("serial", "device/serial")
	facts.WWN = first("wwid", "device/wwid")
	return facts, nil
}

// Differ says why facts are not those of the device, or is empty.
func (f Facts) Differ(d Device) string {
	differ := func(what string, is, found any) string {
		return fmt.Sprintf("%s is not the disk that was confirmed: its %s is %v, and not %v", d.Path, what, is, found)
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

// unlike tells whether two names of one thing contradict each other: lsblk and
// sysfs may each leave out a part.
func unlike(a, b string) bool {
	return a != "" && b != "" && !strings.Contains(a, b) && !strings.Contains(b, a)
}

// serialForm writes a serial number as udev does (systemd: udev-util.c).
func serialForm(s string) string { return strings.Join(strings.Fields(s), "_") }

// wwnForm leaves the digits of a WWN. Other names that sysfs has in its place,
// such as t10.*, are none.
func wwnForm(s string) string {
	s = strings.ToLower(s)
	for _, kind := range []string{"0x", "naa.", "eui.", "uuid.", "nvme."} {
		if digits, ok := strings.CutPrefix(s, kind); ok {
			return digits
		}
	}
	return ""
}

// diskSeq is the kernel's number of the disk's coming, or 0 before Linux 5.15.
// It is of 64 bits, as an int is wherever this program runs.
func diskSeq(fd int) (uint64, error) {
	seq, err := unix.IoctlGetInt(fd, unix.BLKGETDISKSEQ)
	if errors.Is(err, unix.ENOTTY) {
		return 0, nil
	}
	return uint64(seq), err
}

// deviceNumber is the major:minor of an open block device.
func deviceNumber(f *os.File) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return numberOf(f.Name(), st)
}

// nodeNumber is the major:minor that a path leads to now.
func nodeNumber(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return numberOf(path, st)
}

func numberOf(path string, st unix.Stat_t) (string, error) {
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return "", &fs.PathError{Op: "stat", Path: path, Err: unix.ENOTBLK}
	}
	return MajorMinor(st.Rdev), nil
}

// MajorMinor is a device number as the kernel prints it.
func MajorMinor(dev uint64) string { return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) }

func sysfsOf(devNo string) string { return filepath.Join("/sys/dev/block", devNo) }

// OpenFault explains why a disk cannot be opened.
func OpenFault(path string, err error) error {
	switch {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EWOULDBLOCK):
		return sys.Faultf(sys.CodeGate, "`lsblk` and `fuser` show what uses it; let go of it and start over", "%s is in use", path)
	case errors.Is(err, unix.EROFS):
		return sys.Faultf(sys.CodeDisk, "look for a switch on it, or take another", "%s is write-protected", path)
	case errors.Is(err, fs.ErrPermission):
		return NoPermission(path)
	case errors.Is(err, unix.ENOMEDIUM):
		return sys.Faultf(sys.CodeDisk, "put one in", "%s has no medium in it", path)
	}
	return sys.WithHint(err, sys.CodeGate, "if it was pulled out, plug it in and start over; nothing was written", "opening "+path)
}

// NoPermission is the error of a disk that this user may not open.
func NoPermission(path string) error {
	return sys.Faultf(sys.CodeMachine, "run it with sudo, or as root", "%s cannot be opened by this user", path)
}
