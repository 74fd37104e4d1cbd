// Package gpt reads GUID partition tables (UEFI 2.10 §5.3) of untrusted disks.
//
// It checks a header before it follows the header's own counts and places, so
// that a crafted table costs no more memory than a real one.
package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"

	"golang.org/x/sys/unix"
)

// What can be on a disk instead of a sound table.
var (
	ErrNone    = errors.New("no partition table")
	ErrMBR     = errors.New("MBR partition table, not GPT")
	ErrDamaged = errors.New("damaged GPT")
)

// Table is a GUID partition table. GUIDs are in lower case.
type Table struct {
	DiskGUID   string
	Partitions []Partition // in the order of their numbers
}

// Partition is one used entry of the table.
type Partition struct {
	Number     int   // 1 and up
	Start      int64 // bytes
	Size       int64 // bytes
	Type       string
	GUID       string // PARTUUID
	Name       string // PARTLABEL
	Attributes uint64 // UEFI 2.10 table 5.8
}

// Read reads the table of a disk of size bytes. SectorSize is its logical
// sector size in bytes.
//
// The error wraps ErrNone, ErrMBR or ErrDamaged, or reports a failed read. With
// ErrDamaged, Read also returns the table if one of its two copies is good.
func Read(r io.ReaderAt, size int64, sectorSize int) (*Table, error) {
	if sectorSize < 512 || sectorSize > 64<<10 || bits.OnesCount(uint(sectorSize)) != 1 {
		return nil, fmt.Errorf("sector size %d is not a power of two from 512 to 65536", sectorSize)
	}
	ss := int64(sectorSize)
	if size < 3*ss {
		return nil, fmt.Errorf("%w: only %d bytes", ErrNone, size)
	}
	mbr := make([]byte, 512)
	if err := readAt(r, mbr, 0); err != nil {
		return nil, fmt.Errorf("reading the first sector: %w", err)
	}
	primary, err := readCopy(r, size, ss, 1)
	if err != nil {
		return nil, err
	}
	backup, err := readCopy(r, size, ss, uint64(size/ss-1))
	if err != nil {
		return nil, err
	}

	switch protective, other := mbrTypes(mbr); {
	case primary.bad == nil && backup.bad == nil:
		t, err := primary.parse(size, ss)
		if err == nil && (primary.diskGUID != backup.diskGUID || !bytes.Equal(primary.entries, backup.entries)) {
			err = fmt.Errorf("%w: its two copies differ", ErrDamaged)
		}
		return t, err
	case primary.bad == nil:
		t, err := primary.parse(size, ss)
		return t, errors.Join(fmt.Errorf("%w: backup header: %w", ErrDamaged, backup.bad), err)
	case backup.bad == nil && (protective || !errors.Is(primary.bad, errAbsent)):
		t, err := backup.parse(size, ss)
		return t, errors.Join(fmt.Errorf("%w: primary header: %w", ErrDamaged, primary.bad), err)
	case !errors.Is(primary.bad, errAbsent):
		return nil, fmt.Errorf("%w: both headers: %w", ErrDamaged, primary.bad)
	case protective:
		return nil, fmt.Errorf("%w: protective MBR without a good header", ErrDamaged)
	case other:
		return nil, ErrMBR
	case !errors.Is(backup.bad, errAbsent):
		// Wiping only the front of a disk leaves the backup header. Nothing
		// else looks at it.
		return nil, fmt.Errorf("%w: only a left-over backup header", ErrNone)
	}
	return nil, ErrNone
}

// ReadFile reads the table of a block device or an image file, and returns the
// logical sector size in bytes. A device states its sector size. For an image
// it is the size of 512 and 4096 at which there is a table, or else 512.
func ReadFile(path string) (*Table, int, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	isDevice := info.Mode()&fs.ModeDevice != 0 && info.Mode()&fs.ModeCharDevice == 0
	if !isDevice && !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is neither a block device nor a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	if isDevice {
		sectorSize, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET)
		if err != nil {
			return nil, 0, fmt.Errorf("reading the sector size of %s: %w", path, err)
		}
		t, err := Read(f, size, sectorSize)
		return t, sectorSize, err
	}
	t, err := Read(f, size, 512)
	if t == nil {
		if t4, err4 := Read(f, size, 4096); t4 != nil {
			return t4, 4096, err4
		}
	}
	return t, 512, err
}

// mbrTypes reports whether sector 0 is an MBR with a protective entry (type
// 0xEE), or with other entries. A FAT boot sector ends in the same two bytes
// but has code where an MBR's boot flags are 0 or 0x80.
func mbrTypes(b []byte) (protective, other bool) {
	if binary.LittleEndian.Uint16(b[510:]) != 0xaa55 {
		return false, false
	}
	for e := b[446:510]; len(e) > 0; e = e[16:] {
		if e[0]&0x7f != 0 {
			return false, false
		}
		switch e[4] {
		case 0:
		case 0xee:
			protective = true
		default:
			other = true
		}
	}
	return protective, other
}

// readAt fills b. It is an error if the device ends first.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
