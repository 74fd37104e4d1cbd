package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"unicode/utf16"
)

// Partition is one partition of an image; Start and Size are in bytes.
type Partition struct {
	Number      int
	Start, Size int64
	Type        [16]byte // as on the disk
	Name        string
}

// Partitions reads and checks both copies of the GPT of an image with sectors of that
// size. (sgdisk and Debian 12's sfdisk assume sectors of 512 bytes for every image.)
func Partitions(path string, sector int) ([]Partition, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	block := int64(or(sector, 512))
	main, err := readGPT(file, 1, block)
	if err != nil {
		return nil, fmt.Errorf("main partition table: %w", err)
	}
	backup, err := readGPT(file, size/block-1, block)
	if err != nil {
		return nil, fmt.Errorf("backup partition table: %w", err)
	}
	if !bytes.Equal(main, backup) {
		return nil, fmt.Errorf("the two partition tables differ")
	}
	return parseEntries(main, block), nil
}

// readGPT returns the entries of the table with its header in block lba.
func readGPT(disk io.ReaderAt, lba, block int64) ([]byte, error) {
	header := make([]byte, 92)
	if _, err := disk.ReadAt(header, lba*block); err != nil {
		return nil, err
	}
	field := func(at int) int64 { return int64(binary.LittleEndian.Uint64(header[at:])) }
	half := func(at int) uint32 { return binary.LittleEndian.Uint32(header[at:]) }
	if string(header[:8]) != "EFI PART" || half(12) != 92 || field(24) != lba {
		return nil, fmt.Errorf("no GPT header in block %d", lba)
	}
	sum := half(16)
	clear(header[16:20])
	if crc32.ChecksumIEEE(header) != sum {
		return nil, fmt.Errorf("the header's checksum is wrong")
	}
	if half(80) > 1024 || half(84) != 128 {
		return nil, fmt.Errorf("%d entries of %d bytes", half(80), half(84))
	}
	entries := make([]byte, half(80)*half(84))
	if _, err := disk.ReadAt(entries, field(72)*block); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(entries) != half(88) {
		return nil, fmt.Errorf("the entries' checksum is wrong")
	}
	return entries, nil
}

func parseEntries(entries []byte, block int64) []Partition {
	var parts []Partition
	for i := 0; i < len(entries); i += 128 {
		entry := entries[i : i+128]
		kind := [16]byte(entry[:16])
		if kind == ([16]byte{}) {
			continue
		}
		first := int64(binary.LittleEndian.Uint64(entry[32:]))
		last := int64(binary.LittleEndian.Uint64(entry[40:]))
		var name []uint16
		for at := 56; at < 128 && (entry[at] != 0 || entry[at+1] != 0); at += 2 {
			name = append(name, binary.LittleEndian.Uint16(entry[at:]))
		}
		parts = append(parts, Partition{i/128 + 1, first * block, (last - first + 1) * block, kind, string(utf16.Decode(name))})
	}
	return parts
}
