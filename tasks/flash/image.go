package flash

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Image is a file that holds what a whole disk is to hold.
type Image struct {
	Path        string
	FileSize    int64  // bytes, compressed if it is
	Compression string // zstd, gzip, xz, or empty
	Kind        string // what was recognized: "ISO 9660, MBR"
	// Hybrid: it has a partition table, so that firmware starts it from a
	// stick.
	Hybrid bool

	window uint64 // what unpacking may take of memory, in bytes
}

// Size is the number of bytes on the disk, or 0 if only reading all tells.
func (i Image) Size() int64 {
	if i.Compression != "" {
		return 0
	}
	return i.FileSize
}

// formats are known by their first bytes. What is not unpacked on the fly has
// the command that does it.
var formats = []struct{ magic, name, unpack string }{
	{"\x28\xb5\x2f\xfd", "zstd", ""},
	{"\x1f\x8b", "gzip", ""},
	{"\xfd7zXZ\x00", "xz", ""},
	{"BZh", "bzip2", "bzip2 -dk"},
	{"\x04\x22\x4d\x18", "lz4", "lz4 -d"},
	{"\x5d\x00\x00", "lzma", "xz -dk"},
	{"LZIP", "lzip", "lzip -dk"},
	{"\x89LZO\x00", "lzop", "lzop -d"},
	{"\x1f\x9d", "a file of compress(1)", "gzip -dk"},
	{"PK\x03\x04", "zip", "unzip"},
	{"7z\xbc\xaf\x27\x1c", "7z", "7z x"},
	{"Rar!", "rar", "unrar x"},
	// Not compressed, but no image of a disk's bytes either.
	{"QFI\xfb", "qcow2", "qemu-img convert -O raw"},
	{"KDMV", "vmdk", "qemu-img convert -O raw"},
	{"vhdxfile", "vhdx", "qemu-img convert -O raw"},
	{"<<< ", "vdi", "qemu-img convert -O raw"},
}

// formatOf recognizes a format by the first bytes of a file. What zstd(1) makes
// in parallel may begin with frames to skip (RFC 8878, 3.1.2).
func formatOf(head []byte) (name, unpack string) {
	for _, f := range formats {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.name, f.unpack
		}
	}
	if len(head) > 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" {
		return "zstd", ""
	}
	return "", ""
}

// sniffed is how much of an image is looked at to recognize it, in bytes.
const sniffed = 64 << 10

// Inspect recognizes an image by its first bytes. The error has sys.CodeUsage.
func Inspect(path string) (Image, error) { return inspect(path, window()) }

func inspect(path string, window uint64) (Image, error) {
	i := Image{Path: path, window: window}
	info, err := os.Stat(path)
	if err != nil {
		return i, sys.Faultf(sys.CodeUsage, "name the image: after `nix build` it is result/iso/NAME.iso", "%w", err)
	}
	if !info.Mode().IsRegular() {
		return i, sys.Faultf(sys.CodeUsage, "name a file: IMAGE first, then the disk", "%s is not an image file", path)
	}
	i.FileSize = info.Size()
	f, err := os.Open(path)
	if err != nil {
		return i, sys.Faultf(sys.CodeUsage, "name an image that you may read", "%w", err)
	}
	defer f.Close()
	head := make([]byte, 16)
	n, _ := io.ReadFull(f, head) // a short file is no image, see below
	name, unpack := formatOf(head[:n])
	if unpack != "" {
		return i, sys.Faultf(sys.CodeUsage, "unpack it first: "+unpack+" "+sys.Quote([]string{path}), "%s is %s, which cannot be written as it is", path, name)
	}
	i.Compression = name
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return i, err
	}
	r, stop, err := i.decompress(bufio.NewReader(f))
	if err != nil {
		return i, unread(i, err)
	}
	defer stop()
	head = make([]byte, sniffed)
	n, err = fill(r, head)
	if err != nil && !errors.Is(err, io.EOF) {
		return i, unread(i, err)
	}
	if i.Kind, i.Hybrid = recognize(head[:n]); i.Kind == "" {
		return i, sys.Faultf(sys.CodeUsage, "name the image: after `nix build` it is result/iso/NAME.iso",
			"%s is no image of a disk: there is no ISO 9660, GPT or MBR in it", path)
	}
	return i, nil
}

// recognize says what an image starts with, by ECMA-119 §8.4 (a volume
// descriptor in sector 16), UEFI 2.10 §5.3.2 (a GPT header in the second sector)
// and §5.2.1 (an MBR's signature).
func recognize(head []byte) (kind string, hybrid bool) {
	at := func(offset int, magic string) bool {
		return len(head) >= offset+len(magic) && string(head[offset:offset+len(magic)]) == magic
	}
	var kinds []string
	if at(16*2048+1, "CD001") {
		kinds = append(kinds, "ISO 9660")
	}
	if at(512, "EFI PART") || at(4096, "EFI PART") {
		kinds, hybrid = append(kinds, "GPT"), true
	}
	if at(510, "\x55\xaa") {
		kinds, hybrid = append(kinds, "MBR"), true
	}
	return strings.Join(kinds, ", "), hybrid
}

// What unpacking may take of memory, in bytes: as much as zstd --long=31 needs,
// which is the most that zstd(1) makes, but no more than three quarters of what is free;
// and at the least what zstd(1) and xz(1) take without being told.
const maxWindow, minWindow = 2 << 30, 128 << 20

func window() uint64 {
	free, err := sys.MemAvailable("/")
	if err != nil {
		free = 0
	}
	return uint64(max(minWindow, min(free/4*3, maxWindow)))
}

func (i Image) decompress(r io.Reader) (io.Reader, func(), error) {
	switch i.Compression {
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(i.window), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	case "gzip":
		d, err := gzip.NewReader(r)
		return d, func() {}, err
	case "xz":
		d, err := xz.NewReader(r, uint32(i.window))
		return d, func() {}, err
	}
	return r, func() {}, nil
}

// unread says why an image cannot be read: it was cut short or damaged, or it
// is whole, and packed as it cannot be unpacked here.
func unread(i Image, err error) error {
	const again = "fetch the image again; nothing was written"
	unpack := i.Compression + " -dk "
	if i.Compression == "zstd" {
		unpack += "--long=31 "
	}
	unpack = "unpack it first: " + unpack + sys.Quote([]string{i.Path})
	switch {
	case errors.Is(err, xz.ErrMemlimit), i.Compression == "zstd" && zstdWindow(i.Path) > i.window:
		return sys.Faultf(sys.CodeMachine, unpack, "unpacking %s needs more memory than the %s that can be had here", i.Path, block.FormatSize(int64(i.window)))
	case errors.Is(err, xz.ErrOptions), errors.Is(err, xz.ErrUnsupportedCheck), errors.Is(err, zstd.ErrUnknownDictionary):
		return sys.Faultf(sys.CodeUsage, unpack, "%s is packed with a filter, check or dictionary of %s that is not supported here: %w", i.Path, i.Compression, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		return sys.Faultf(sys.CodeSource, again, "%s was cut short: %w", i.Path, err)
	}
	return sys.Faultf(sys.CodeSource, again, "reading %s: %w", i.Path, err)
}

// zstdWindow is what the first frame of a file needs to be unpacked, in bytes,
// or 0.
func zstdWindow(path string) uint64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	at := int64(0)
	for range 1000 { // frames to skip
		head := make([]byte, zstd.HeaderMaxSize)
		n, _ := f.ReadAt(head, at) // less at the end
		var h zstd.Header
		if err := h.Decode(head[:n]); err != nil || !h.Skippable {
			return h.WindowSize
		}
		at += int64(h.HeaderSize) + int64(h.SkippableSize)
	}
	return 0
}

// content is what reading all of an image told.
type content struct {
	fileSum string // SHA-256 of the file, in hex
	sum     string // SHA-256 of what it is decompressed
	size    int64  // bytes, decompressed
	// chunks has a hash of every chunk, of this process only, to tell where
	// something differs.
	chunks []uint64
}

// seed is that of content.chunks.
var seed = maphash.MakeSeed()

// source reads an image decompressed, and knows how far it is in the file.
type source struct {
	io.Reader
	file *os.File
	sum  hash.Hash // of the file, if it is compressed
	rest io.Reader // the file as it is
	stop func()
}

func (i Image) open() (*source, error) {
	f, err := os.Open(i.Path)
	if err != nil {
		return nil, err
	}
	s := &source{Reader: f, file: f, rest: f, stop: func() {}}
	if i.Compression == "" {
		return s, nil
	}
	s.sum = sha256.New()
	s.rest = io.TeeReader(f, s.sum)
	s.Reader, s.stop, err = i.decompress(bufio.NewReaderSize(s.rest, 1<<20))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func (s *source) close() {
	s.stop()
	s.file.Close()
}

// at is how far the file has been read, in bytes.
func (s *source) at() int64 {
	n, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0
	}
	return n
}

// read reads all of an image. room is the size of the disk, in bytes.
func (i Image) read(ctx context.Context, s sys.System, room int64) (*content, error) {
	src, err := i.open()
	if err != nil {
		return nil, unread(i, err)
	}
	defer src.close()
	c := &content{}
	sum := sha256.New()
	tooLarge := func(size string) error {
		return sys.Faultf(sys.CodeMachine, "take a larger one; nothing was written", "%s does not fit on the disk: it is %s, and the disk %s (%d bytes)",
			i.Path, size, block.FormatSize(room), room)
	}
	if i.Size() > room {
		return nil, tooLarge(fmt.Sprintf("%s (%d bytes)", block.FormatSize(i.Size()), i.Size()))
	}
	err = pump(ctx, func(b []byte) (int, error) { return fill(src, b) }, func(b []byte) error {
		sum.Write(b)
		c.chunks = append(c.chunks, maphash.Bytes(seed, b))
		if c.size += int64(len(b)); c.size > room {
			return tooLarge("larger when decompressed")
		}
		s.Progress(sys.Progress{Done: min(src.at(), i.FileSize), Total: i.FileSize, Unit: "bytes", Label: "reading the image"})
		return nil
	})
	if _, ours := errors.AsType[*sys.Fault](err); ours || ctx.Err() != nil {
		return nil, err
	}
	if err == nil && src.sum != nil {
		// A decompressor need not read what comes after its data.
		_, err = io.Copy(io.Discard, src.rest)
	}
	if err != nil {
		return nil, unread(i, err)
	}
	c.sum = hex.EncodeToString(sum.Sum(nil))
	c.fileSum = c.sum
	if src.sum != nil {
		c.fileSum = hex.EncodeToString(src.sum.Sum(nil))
	}
	return c, nil
}
