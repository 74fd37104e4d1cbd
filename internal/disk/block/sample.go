package block

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	samples    = 32
	sampleSize = 64 << 10 // bytes
)

// Sample reads the disk that was taken in 32 places, from its first bytes to
// its last, and past what the kernel has in memory of it. A disk that dies or
// that has lost its cable fails here, and not after it was written to.
func (h *Held) Sample(ctx context.Context) error {
	if h.whole == nil {
		return errors.New("the disk is not held")
	}
	buf := make([]byte, min(sampleSize, h.facts.Size))
	last := h.facts.Size - int64(len(buf))
	for i := range int64(samples) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at := last / (samples - 1) * i
		if i == samples-1 {
			at = last
		}
		// Best effort: what is not dropped is only not read again.
		_ = unix.Fadvise(int(h.whole.Fd()), at, int64(len(buf)), unix.FADV_DONTNEED)
		if _, err := h.whole.ReadAt(buf, at); err != nil {
			return fmt.Errorf("reading at byte %d: %w", at, err)
		}
	}
	return nil
}
