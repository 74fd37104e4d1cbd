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
	"github.com/ulikunitz/xz"

	"auto-installer/steps/internal/block"
	"auto-installer/steps/internal/sys"
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
}

// Size is the number of bytes on the disk, or 0 if only reading all tells.
func (i Image) Size() int64 {
	if i.Compression != "" {
		return 0
	}
	return i.FileSize
}

// compressions are known by their first bytes.
var compressions = []struct {
	magic, name string
	known       bool
}{
	{"\x28\xb5\x2f\xfd", "zstd", true},
	{"\x1f\x8b", "gzip", true},
	{"\xfd7zXZ\x00", "xz", true},
	{"BZh", "bzip2", false},
	{"\x04\x22\x4d\x18", "lz4", false},
	{"PK\x03\x04", "zip", false},
	{"7z\xbc\xaf\x27\x1c", "7z", false},
	{"QFI\xfb", "qcow2", false}, // not compressed, but no image of a disk's bytes either
}

// sniffed is how much of an image is looked at to recognize it, in bytes.
const sniffed = 64 << 10

// Inspect recognizes an image by its first bytes. The error has sys.CodeUsage.
func Inspect(path string) (Image, error) {
	i := Image{Path: path}
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
	for _, c := range compressions {
		if !bytes.HasPrefix(head[:n], []byte(c.magic)) {
			continue
		}
		if !c.known {
			return i, sys.Faultf(sys.CodeUsage, "unpack it first; zstd, gzip and xz are unpacked on the fly", "%s is %s, which cannot be written as it is", path, c.name)
		}
		i.Compression = c.name
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return i, err
	}
	r, stop, err := decompress(bufio.NewReader(f), i.Compression)
	if err != nil {
		return i, damaged(i, err)
	}
	defer stop()
	head = make([]byte, sniffed)
	n, err = io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return i, damaged(i, err)
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

// maxWindow bounds the memory for decompressing zstd, in bytes. It is what
// zstd(1) takes without --long or --memory.
const maxWindow = 128 << 20

func decompress(r io.Reader, compression string) (io.Reader, func(), error) {
	switch compression {
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	case "gzip":
		d, err := gzip.NewReader(r)
		return d, func() {}, err
	case "xz":
		d, err := xz.NewReader(r)
		return d, func() {}, err
	}
	return r, func() {}, nil
}

func damaged(i Image, err error) error {
	return sys.Faultf(sys.CodeSource, "fetch the image again; nothing was written", "reading %s: %w", i.Path, err)
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
	s.Reader, s.stop, err = decompress(bufio.NewReaderSize(s.rest, 1<<20), i.Compression)
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
		return nil, damaged(i, err)
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
		return nil, damaged(i, err)
	}
	c.sum = hex.EncodeToString(sum.Sum(nil))
	c.fileSum = c.sum
	if src.sum != nil {
		c.fileSum = hex.EncodeToString(src.sum.Sum(nil))
	}
	return c, nil
}
