package gpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"unicode/utf16"

	"auto-installer/internal/boot/efi"
)

// Limits on what a header may ask to be read. Real tables have 128 entries.
const (
	headerSize = 92
	entrySize  = 128
	maxEntries = 1024
)

var errAbsent = errors.New("absent")

// tableCopy is one of the two copies of the table on a disk.
type tableCopy struct {
	bad      error // what is wrong with it; errAbsent: it has no signature
	diskGUID string
	entries  []byte
}

// readCopy reads and checks the header in sector lba and the entries it points
// to. The error reports a failed read; tableCopy.bad reports a bad copy.
func readCopy(r io.ReaderAt, size, ss int64, lba uint64) (c tableCopy, err error) {
	b := make([]byte, headerSize)
	if err := readAt(r, b, int64(lba)*ss); err != nil {
		return c, fmt.Errorf("reading sector %d: %w", lba, err)
	}
	le := binary.LittleEndian
	sectors := uint64(size / ss)
	count := le.Uint32(b[80:])
	entriesLBA := le.Uint64(b[72:])
	crc := le.Uint32(b[16:])
	clear(b[16:20])
	entrySectors := (uint64(count)*entrySize + uint64(ss) - 1) / uint64(ss)

	switch {
	case string(b[:8]) != "EFI PART":
		c.bad = errAbsent
	case le.Uint32(b[8:]) != 0x00010000:
		c.bad = fmt.Errorf("unknown revision %#x", le.Uint32(b[8:]))
	case le.Uint32(b[12:]) != headerSize:
		c.bad = fmt.Errorf("header size %d, not %d", le.Uint32(b[12:]), headerSize)
	case crc32.ChecksumIEEE(b) != crc:
		c.bad = errors.New("wrong checksum")
	case le.Uint32(b[20:]) != 0:
		c.bad = errors.New("reserved bytes are not zero")
	case le.Uint64(b[24:]) != lba:
		c.bad = fmt.Errorf("the header claims to be in sector %d, not %d", le.Uint64(b[24:]), lba)
	case le.Uint32(b[84:]) != entrySize:
		c.bad = fmt.Errorf("entry size %d, not %d", le.Uint32(b[84:]), entrySize)
	case count == 0 || count > maxEntries:
		c.bad = fmt.Errorf("%d entries, not 1 to %d", count, maxEntries)
	case entriesLBA < 2 || entriesLBA >= sectors || entrySectors > sectors-entriesLBA:
		c.bad = fmt.Errorf("the entries in sector %d lie outside the disk", entriesLBA)
	}
	if c.bad != nil {
		return c, nil //nolint:nilerr // a bad copy is a finding, not a failed read
	}
	c.diskGUID, c.entries = efi.GUID(b[56:72]), make([]byte, count*entrySize)
	if err := readAt(r, c.entries, int64(entriesLBA)*ss); err != nil {
		return c, fmt.Errorf("reading the entries at sector %d: %w", entriesLBA, err)
	}
	if crc32.ChecksumIEEE(c.entries) != le.Uint32(b[88:]) {
		c.bad = errors.New("wrong checksum of the entries")
	}
	return c, nil
}

// parse reads the entries of a good copy (UEFI 2.10 table 5.6).
func (c tableCopy) parse(size, ss int64) (*Table, error) {
	le := binary.LittleEndian
	t := &Table{DiskGUID: c.diskGUID}
	number, end := 0, uint64(size/ss)-1
	for e := range slices.Chunk(c.entries, entrySize) {
		number++
		if [16]byte(e) == [16]byte{} { // unused
			continue
		}
		first, last := le.Uint64(e[32:]), le.Uint64(e[40:])
		if first < 2 || last < first || last >= end {
			return nil, fmt.Errorf("%w: partition %d lies outside the disk", ErrDamaged, number)
		}
		var name []uint16
		for at := 56; at < entrySize && (e[at] != 0 || e[at+1] != 0); at += 2 {
			name = append(name, le.Uint16(e[at:]))
		}
		t.Partitions = append(t.Partitions, Partition{
			Number: number, Start: int64(first) * ss, Size: int64(last-first+1) * ss,
			Type: efi.GUID(e[:16]), GUID: efi.GUID(e[16:32]), Name: string(utf16.Decode(name)), Attributes: le.Uint64(e[48:]),
		})
	}
	return t, nil
}
