package gpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
)

// Bounds on what a header may ask to be read. Real tables have 128 entries.
const (
	headerSize = 92
	entrySize  = 128
	maxEntries = 1024
)

// header is what one copy of the GPT header says.
type header struct {
	diskGUID   [16]byte
	entriesCRC uint32
}

// readHeader reads and checks the header at a sector and the entries that it
// points at.
func readHeader(r io.ReaderAt, size, ss int64, lba uint64) (h header, err error) {
	b := make([]byte, headerSize)
	if err := readAt(r, b, int64(lba)*ss); err != nil {
		return h, fmt.Errorf("reading sector %d: %w", lba, err)
	}
	le := binary.LittleEndian
	sectors := uint64(size / ss)
	count := le.Uint32(b[80:])
	entriesLBA := le.Uint64(b[72:])
	h.entriesCRC = le.Uint32(b[88:])
	copy(h.diskGUID[:], b[56:72])
	crc := le.Uint32(b[16:])
	clear(b[16:20])
	entries := (uint64(count)*entrySize + uint64(ss) - 1) / uint64(ss) // sectors

	switch {
	case string(b[:8]) != "EFI PART":
		err = errors.New("absent")
	case le.Uint32(b[8:]) != 0x00010000:
		err = fmt.Errorf("unknown revision %#x", le.Uint32(b[8:]))
	case le.Uint32(b[12:]) != headerSize:
		err = fmt.Errorf("header size %d, not %d", le.Uint32(b[12:]), headerSize)
	case crc32.ChecksumIEEE(b) != crc:
		err = errors.New("wrong checksum")
	case le.Uint32(b[20:]) != 0:
		err = errors.New("reserved bytes are not zero")
	case le.Uint64(b[24:]) != lba:
		err = fmt.Errorf("it says that it is in sector %d, not %d", le.Uint64(b[24:]), lba)
	case le.Uint32(b[84:]) != entrySize:
		err = fmt.Errorf("entry size %d, not %d", le.Uint32(b[84:]), entrySize)
	case count == 0 || count > maxEntries:
		err = fmt.Errorf("%d entries, not 1 to %d", count, maxEntries)
	case entriesLBA < 2 || entriesLBA >= sectors || entries > sectors-entriesLBA:
		err = fmt.Errorf("entries in sector %d lie outside the disk", entriesLBA)
	}
	if err != nil {
		return h, err
	}
	table := make([]byte, count*entrySize)
	if err := readAt(r, table, int64(entriesLBA)*ss); err != nil {
		return h, fmt.Errorf("reading the entries at sector %d: %w", entriesLBA, err)
	}
	if crc32.ChecksumIEEE(table) != h.entriesCRC {
		err = errors.New("wrong checksum of the entries")
	}
	return h, err
}

// file is a reader as go-diskfs wants it (backend.File).
type file struct{ *io.SectionReader }

func (f file) Stat() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }
func (f file) Close() error               { return nil }
