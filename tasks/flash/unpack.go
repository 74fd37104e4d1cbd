package flash

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// source reads an image unpacked, and knows its position in the file.
type source struct {
	io.ReadCloser
	file *os.File
	sum  hash.Hash // of the file, if it is compressed
	rest io.Reader // the packed file
}

func (i Image) open() (*source, error) {
	f, err := os.Open(i.Path)
	if err != nil {
		return nil, err
	}
	s := &source{ReadCloser: io.NopCloser(f), file: f}
	if i.Compression == "" {
		return s, nil
	}
	s.sum = sha256.New()
	s.rest = io.TeeReader(f, s.sum)
	s.ReadCloser, err = i.decompress(bufio.NewReaderSize(s.rest, 1<<20))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func (s *source) close() {
	s.Close()
	s.file.Close()
}

func (s *source) at() int64 {
	n, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0
	}
	return n
}

// Limits of the memory for unpacking, in bytes: at most what zstd --long=31, the
// highest setting, needs, and three quarters of the free memory; at least the
// defaults of zstd(1) and xz(1).
const maxWindow, minWindow = 2 << 30, 128 << 20

func window() uint64 {
	free, err := sys.MemAvailable("/")
	if err != nil {
		free = 0
	}
	return uint64(max(minWindow, min(free/4*3, maxWindow)))
}

func (i Image) decompress(r io.Reader) (io.ReadCloser, error) {
	switch i.Compression {
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(i.window), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case "gzip":
		return gzip.NewReader(r)
	case "xz":
		d, err := xz.NewReader(r, uint32(i.window))
		return io.NopCloser(d), err
	}
	return io.NopCloser(r), nil
}

// unread says why an image cannot be read: it is cut short or damaged, or packed
// in an unsupported way.
func unread(i Image, err error) error {
	const again = "fetch the image again; nothing was written"
	unpack := i.Compression + " -dk "
	if i.Compression == "zstd" {
		unpack += "--long=31 "
	}
	unpack = "unpack it first: " + unpack + sys.Quote([]string{i.Path})
	switch {
	case errors.Is(err, xz.ErrMemlimit), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return sys.Faultf(sys.CodeMachine, unpack,
			"unpacking %s needs more memory than the available %s, or the image is damaged", i.Path, block.FormatSize(int64(i.window)))
	case errors.Is(err, xz.ErrOptions), errors.Is(err, xz.ErrUnsupportedCheck), errors.Is(err, zstd.ErrUnknownDictionary):
		return sys.Faultf(sys.CodeUsage, unpack, "%s is packed with an unsupported filter, check or dictionary of %s: %w", i.Path, i.Compression, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		return sys.Faultf(sys.CodeSource, again, "%s is cut short: %w", i.Path, err)
	}
	return sys.Faultf(sys.CodeSource, again, "reading %s: %w", i.Path, err)
}
