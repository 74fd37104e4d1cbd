package block

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// Values of Device.Content.
const (
	ContentUnknown    = "data of an unknown kind"
	ContentUnreadable = "content that cannot be read"
)

// content reads a disk without a signature: plain dm-crypt and VeraCrypt have
// none, and blkid without permission finds none. It reads the first and last
// 64 KiB and 64 KiB from 1 MiB on, without claiming the disk. An empty
// partition table has its copies at both ends, so there it reads only the third
// place. The result is empty if all of that is zero.
func content(path string, size int64, hasTable bool) string {
	f, err := os.Open(path)
	if err != nil {
		return ContentUnreadable
	}
	defer f.Close()
	b := make([]byte, 64<<10)
	at := []int64{1 << 20}
	if !hasTable {
		at = append(at, 0, max(size-int64(len(b)), 0))
	}
	for _, at := range at {
		n, err := f.ReadAt(b, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return ContentUnreadable
		}
		if len(bytes.Trim(b[:n], "\x00")) > 0 {
			return ContentUnknown
		}
	}
	return ""
}
