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
// the disk; of one with an empty partition table, which has its two copies at
// the ends, only the latter. Empty means that all of that is zero.
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
	return d.Size > 0 && d.FSType == "" && len(d.Partitions)+len(d.Children) == 0
}
