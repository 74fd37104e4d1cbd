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

// Sample reads the held disk in 32 places, from its first bytes to its last and
// past the kernel's cache. A dying disk or a loose cable fails here, before the
// first write.
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
		// Best effort: cached pages that remain are not read again.
		_ = unix.Fadvise(int(h.whole.Fd()), at, int64(len(buf)), unix.FADV_DONTNEED)
		if _, err := h.whole.ReadAt(buf, at); err != nil {
			return fmt.Errorf("reading at byte %d: %w", at, err)
		}
	}
	return nil
}
