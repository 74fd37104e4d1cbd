// Package gpt reads GUID partition tables of disks that nobody vouches for.
//
// go-diskfs does the reading, but it trusts a header's entry count and size,
// and a crafted one kills the process for want of memory. So both headers are
// checked here first (UEFI 2.10 §5.3.2), and it only ever sees a good one.
package gpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"strings"

	diskgpt "github.com/diskfs/go-diskfs/partition/gpt"
	"golang.org/x/sys/unix"
)

// What can be on a disk instead of a sound table.
var (
	ErrNone    = errors.New("no partition table")
	ErrMBR     = errors.New("MBR partition table, not GPT")
	ErrDamaged = errors.New("damaged GPT")
)

// Table is what a GUID partition table says. GUIDs are in lower case.
type Table struct {
	DiskGUID   string
	Partitions []Partition // in the order of their numbers
}

// Partition is one used entry of the table. Start and Size are in bytes.
type Partition struct {
	Number int    `json:"number"` // 1 and up
	Start  int64  `json:"start"`
	Size   int64  `json:"size"`
	Type   string `json:"type"`
	GUID   string `json:"guid"` // PARTUUID
	Name   string `json:"name"` // PARTLABEL, at most 36 UTF-16 units
}

// Types of partitions (UEFI 2.10 table 5.7; Discoverable Partitions Specification).
const (
	TypeESP   = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	TypeLinux = "0fc63daf-8483-4772-8e79-3d69d8477de4"
	TypeSwap  = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"
)

// Read reads the table of a disk of size bytes. SectorSize is its logical
// sector size in bytes.
//
// The error wraps ErrNone, ErrMBR or ErrDamaged, or is one of reading. With
// ErrDamaged the table is returned as well if one of the two copies is good.
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
	primary, err := readHeader(r, size, ss, 1)
	if err != nil {
		return nil, err
	}
	backup, err := readHeader(r, size, ss, uint64(size/ss-1))
	if err != nil {
		return nil, err
	}

	switch protective, other := mbrTypes(mbr); {
	case primary.bad == nil && backup.bad == nil:
		t, err := read(r, size, sectorSize, false)
		if err == nil && (primary.diskGUID != backup.diskGUID || primary.entriesCRC != backup.entriesCRC) {
			err = fmt.Errorf("%w: its two copies differ", ErrDamaged)
		}
		return t, err
	case primary.bad == nil:
		t, err := read(r, size, sectorSize, false)
		return t, errors.Join(fmt.Errorf("%w: backup header: %w", ErrDamaged, backup.bad), err)
	case backup.bad == nil && (protective || !errors.Is(primary.bad, errAbsent)):
		t, err := read(r, size, sectorSize, true)
		return t, errors.Join(fmt.Errorf("%w: primary header: %w", ErrDamaged, primary.bad), err)
	case !errors.Is(primary.bad, errAbsent):
		return nil, fmt.Errorf("%w: both headers: %w", ErrDamaged, primary.bad)
	case protective:
		return nil, fmt.Errorf("%w: protective MBR without a good header", ErrDamaged)
	case other:
		return nil, ErrMBR
	case !errors.Is(backup.bad, errAbsent):
		// An old backup header alone is what is left of a table that was
		// wiped at the front only; nothing else looks at it.
		return nil, fmt.Errorf("%w: only a left-over backup header", ErrNone)
	}
	return nil, ErrNone
}

// read lets go-diskfs read the copy that was found good.
func read(r io.ReaderAt, size int64, sectorSize int, fromBackup bool) (*Table, error) {
	f := file{SectionReader: io.NewSectionReader(r, 0, size)}
	if fromBackup {
		f.hidden = int64(sectorSize)
	}
	found, err := diskgpt.Read(f, sectorSize, sectorSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	t := &Table{DiskGUID: strings.ToLower(found.GUID)}
	last := uint64(size/int64(sectorSize)) - 1
	for _, p := range found.Partitions {
		if p.Start < 2 || p.End < p.Start || p.End >= last {
			return nil, fmt.Errorf("%w: partition %d lies outside the disk", ErrDamaged, p.Index)
		}
		t.Partitions = append(t.Partitions, Partition{
			Number: p.Index,
			Start:  int64(p.Start) * int64(sectorSize),
			Size:   int64(p.End-p.Start+1) * int64(sectorSize),
			Type:   strings.ToLower(string(p.Type)),
			GUID:   strings.ToLower(p.GUID),
			Name:   p.Name,
		})
	}
	return t, nil
}

// ReadFile reads the table of a block device or an image file, opened for
// reading only. It also returns the logical sector size in bytes: a device's
// own; an image does not say, so it is the one of 512 and 4096 at which a
// table is found, or else 512. Errors are those of Read and of opening.
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
			return nil, 0, fmt.Errorf("asking %s for its sector size: %w", path, err)
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

// mbrTypes tells if sector 0 is an MBR with a protective entry (type 0xEE), or
// with other ones. A FAT boot sector has the same last two bytes; what tells
// it apart is that its code stands where a boot flag must be 0 or 0x80.
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

// readAt fills b. A device that ends early is an error.
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
