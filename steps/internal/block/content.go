package block

import (
	"errors"
	"io"
	"os"
)

// Values of Device.Content.
const (
	ContentUnknown    = "data of an unknown kind"
	ContentUnreadable = "content that cannot be read"
)

// content looks into a disk on which no signature was found: plain dm-crypt
// and VeraCrypt have none, and a probe that was not permitted finds none. It
// reads the first and last 64 KiB and as much from 1 MiB on, without holding
// the disk. Empty means that all of that is zero.
func content(path string, size int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ContentUnreadable
	}
	defer f.Close()
	b := make([]byte, 64<<10)
	for _, at := range []int64{0, 1 << 20, max(size-int64(len(b)), 0)} {
		n, err := f.ReadAt(b, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return ContentUnreadable
		}
		for _, c := range b[:n] {
			if c != 0 {
				return ContentUnknown
			}
		}
	}
	return ""
}

// unmarked tells if nothing is known of what is on a disk that has a size.
func (d Device) unmarked() bool {
	return d.Size > 0 && d.FSType == "" && d.PTType == "" && len(d.Partitions)+len(d.Children) == 0
}
