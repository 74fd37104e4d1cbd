package block

import (
	"errors"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Direct reads a device past the kernel's cache (open(2), O_DIRECT), so that the
// bytes come from the disk. Use it in one goroutine.
type Direct struct {
	f    *os.File
	size int64
	buf  []byte // aligned in memory
}

const (
	directAlign  = 4096 // a multiple of every common sector size
	directBuffer = 1 << 20
)

// OpenDirect opens a block device, or an image file, for reading. A file goes
// through the cache if its file system has no direct reads.
func OpenDirect(path string) (*Direct, error) {
	f, err := os.OpenFile(path, unix.O_DIRECT, 0)
	if errors.Is(err, unix.EINVAL) {
		if info, statErr := os.Stat(path); statErr == nil && info.Mode().IsRegular() {
			f, err = os.Open(path)
		}
	}
	if err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Direct{f: f, size: size, buf: Aligned(directBuffer)}, nil
}

// Aligned is a buffer that starts on a page, as O_DIRECT needs it.
func Aligned(size int) []byte {
	b := make([]byte, size+directAlign)
	start := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (directAlign - 1) // the collector moves no memory
	return b[start:][:size:size]
}

func (d *Direct) Size() int64 { return d.size }

func (d *Direct) Close() error { return d.f.Close() }

func (d *Direct) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		start := at / directAlign * directAlign
		want := (at - start + int64(len(p)-done) + directAlign - 1) / directAlign * directAlign
		n, err := d.f.ReadAt(d.buf[:min(want, directBuffer)], start)
		have := int64(n) - (at - start)
		if have <= 0 {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return done, err
		}
		done += copy(p[done:], d.buf[at-start:n])
		if err != nil && done < len(p) {
			return done, err
		}
	}
	return done, nil
}
