package gpt

import (
	"bytes"
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

var errAbsent = errors.New("absent")

// header is what one copy of the GPT header says, or why it is no good.
type header struct {
	bad        error // errAbsent if there is no signature
	diskGUID   [16]byte
	entriesCRC uint32
}

// readHeader reads and checks the header at a sector and the entries that it
// points at. The error is one of reading only.
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
	case !bytes.Equal(b[:8], []byte("EFI PART")):
		h.bad = errAbsent
	case le.Uint32(b[8:]) != 0x00010000:
		h.bad = fmt.Errorf("unknown revision %#x", le.Uint32(b[8:]))
	case le.Uint32(b[12:]) != headerSize:
		h.bad = fmt.Errorf("header size %d, not %d", le.Uint32(b[12:]), headerSize)
	case crc32.ChecksumIEEE(b) != crc:
		h.bad = errors.New("wrong checksum")
	case le.Uint32(b[20:]) != 0:
		h.bad = errors.New("reserved bytes are not zero")
	case le.Uint64(b[24:]) != lba:
		h.bad = fmt.Errorf("it says that it is in sector %d, not %d", le.Uint64(b[24:]), lba)
	case le.Uint32(b[84:]) != entrySize:
		h.bad = fmt.Errorf("entry size %d, not %d", le.Uint32(b[84:]), entrySize)
	case count == 0 || count > maxEntries:
		h.bad = fmt.Errorf("%d entries, not 1 to %d", count, maxEntries)
	case entriesLBA < 2 || entriesLBA >= sectors || entries > sectors-entriesLBA:
		h.bad = fmt.Errorf("entries in sector %d lie outside the disk", entriesLBA)
	}
	if h.bad != nil {
		return h, nil //nolint:nilerr // a bad header is a finding, not a failure to read
	}
	table := make([]byte, count*entrySize)
	if err := readAt(r, table, int64(entriesLBA)*ss); err != nil {
		return h, fmt.Errorf("reading the entries at sector %d: %w", entriesLBA, err)
	}
	if crc32.ChecksumIEEE(table) != h.entriesCRC {
		h.bad = errors.New("wrong checksum of the entries")
	}
	return h, nil
}

// file is a reader as go-diskfs wants it (backend.File).
type file struct {
	*io.SectionReader
	// hidden is where a bad primary header is replaced by zeros, in bytes from
	// the start, so that go-diskfs turns to the backup. 0: nowhere.
	hidden int64
}

func (f file) Stat() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }
func (f file) Close() error               { return nil }

func (f file) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.SectionReader.ReadAt(b, off)
	if f.hidden > 0 {
		from, to := max(f.hidden-off, 0), min(f.hidden+headerSize-off, int64(n))
		if from < to {
			clear(b[from:to])
		}
	}
	return n, err
}
