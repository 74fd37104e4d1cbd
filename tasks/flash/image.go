package flash

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"auto-installer/internal/sys"
)

// Image is a file with the future contents of a whole disk.
type Image struct {
	Path        string
	FileSize    int64  // bytes, compressed if it is
	Compression string // zstd, gzip, xz, or empty
	Kind        string // what is in it: "ISO 9660, MBR"
	// Hybrid: it has a partition table, so that firmware boots it from a stick.
	Hybrid bool

	window uint64 // limit of the memory for unpacking, in bytes
}

// Size is the number of bytes on the disk, or 0 if unknown until it is unpacked.
func (i Image) Size() int64 {
	if i.Compression != "" {
		return 0
	}
	return i.FileSize
}

// compressionOf recognizes what is unpacked on the fly by the first bytes of a file. Files of
// a parallel zstd(1) may begin with skippable frames (RFC 8878, 3.1.2).
func compressionOf(head []byte) string {
	for magic, name := range map[string]string{"\x28\xb5\x2f\xfd": "zstd", "\x1f\x8b": "gzip", "\xfd7zXZ\x00": "xz"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return name
		}
	}
	if len(head) > 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" {
		return "zstd"
	}
	return ""
}

// sniffed is how much of an image Inspect reads, in bytes.
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
		return i, sys.Faultf(sys.CodeUsage, "name a readable image", "%w", err)
	}
	defer f.Close()
	start := bufio.NewReader(f)
	head, _ := start.Peek(16) // recognize refuses a short file
	i.Compression = compressionOf(head)
	r, err := i.decompress(start)
	if err != nil {
		return i, unread(i, err)
	}
	defer r.Close()
	head = make([]byte, sniffed)
	n, err := fill(r, head)
	if err != nil && !errors.Is(err, io.EOF) {
		return i, unread(i, err)
	}
	if i.Kind, i.Hybrid = recognize(head[:n]); i.Kind == "" {
		return i, sys.Faultf(sys.CodeUsage, "name the image: after `nix build` it is result/iso/NAME.iso; unpack it, unless it is zstd, gzip or xz",
			"%s is not an image of a disk: it has no ISO 9660, GPT or MBR", path)
	}
	return i, nil
}

// recognize says what is in an image, by ECMA-119 §8.4 (a volume descriptor in
// sector 16), UEFI 2.10 §5.3.2 (a GPT header in the second sector) and §5.2.1 (an
// MBR's signature).
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
