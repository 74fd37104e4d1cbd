// Package gpt reads GUID partition tables of untrusted disks.
//
// go-diskfs does the reading, but it trusts a header's entry count and size,
// and a crafted one kills the process for want of memory. So both headers
// are checked here first (UEFI 2.10 §5.3.2).
package gpt

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"strings"

	diskgpt "github.com/diskfs/go-diskfs/partition/gpt"
	"golang.org/x/sys/unix"
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

// Read reads the table of a disk of size bytes. SectorSize is its logical sector size in
// bytes. Both copies of the table must be good, and the same.
func Read(r io.ReaderAt, size int64, sectorSize int) (*Table, error) {
	if sectorSize < 512 || sectorSize > 64<<10 || bits.OnesCount(uint(sectorSize)) != 1 {
		return nil, fmt.Errorf("sector size %d is not a power of two from 512 to 65536", sectorSize)
	}
	ss := int64(sectorSize)
	if size < 3*ss {
		return nil, fmt.Errorf("no partition table: only %d bytes", size)
	}
	last := uint64(size/ss) - 1
	primary, err := readHeader(r, size, ss, 1)
	if err != nil {
		return nil, fmt.Errorf("partition table: primary header: %w", err)
	}
	backup, err := readHeader(r, size, ss, last)
	if err != nil {
		return nil, fmt.Errorf("partition table: backup header: %w", err)
	}
	if primary != backup {
		return nil, errors.New("partition table: its two copies differ")
	}
	found, err := diskgpt.Read(file{io.NewSectionReader(r, 0, size)}, sectorSize, sectorSize)
	if err != nil {
		return nil, fmt.Errorf("partition table: %w", err)
	}
	t := &Table{DiskGUID: strings.ToLower(found.GUID)}
	for _, p := range found.Partitions {
		if p.Start < 2 || p.End < p.Start || p.End >= last {
			return nil, fmt.Errorf("partition table: partition %d lies outside the disk", p.Index)
		}
		t.Partitions = append(t.Partitions, Partition{
			Number: p.Index,
			Start:  int64(p.Start) * ss,
			Size:   int64(p.End-p.Start+1) * ss,
			Type:   strings.ToLower(string(p.Type)),
			GUID:   strings.ToLower(p.GUID),
			Name:   p.Name,
		})
	}
	return t, nil
}

// ReadFile reads the table of a block device or an image file. It also returns the
// logical sector size in bytes: a device's own; an image does not say, so it is the one of
// 512 and 4096 at which a table is found, or else 512. It is 0 if the file cannot be opened.
func ReadFile(path string) (*Table, int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	if sectorSize, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET); err == nil {
		t, err := Read(f, size, sectorSize)
		return t, sectorSize, err
	}
	t, err := Read(f, size, 512)
	if err != nil {
		if large, err := Read(f, size, 4096); err == nil {
			return large, 4096, nil
		}
	}
	return t, 512, err
}

func readAt(r io.ReaderAt, b []byte, off int64) error {
	_, err := io.ReadFull(io.NewSectionReader(r, off, int64(len(b))), b)
	return err
}
