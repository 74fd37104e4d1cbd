package secrets

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Buffer is memory for a secret, outside of Go's heap: the runtime does not move
// it, the kernel writes it neither to swap (mlock(2)) nor to a core dump
// (madvise(2)), and Wipe zeroes it. Copies that a library makes stay behind.
type Buffer struct {
	mem []byte
	n   int
}

// NewBuffer copies data into a new buffer and wipes data.
func NewBuffer(data []byte) (*Buffer, error) {
	mem, err := unix.Mmap(-1, 0, max(len(data), 1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("no memory for a secret: %w", err)
	}
	b := &Buffer{mem: mem, n: len(data)}
	// Best effort: a user's limit on locked memory may be low.
	_ = unix.Mlock(mem)
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP)
	copy(mem, data)
	clear(data)
	return b, nil
}

// Bytes is the secret itself, valid until Wipe.
func (b *Buffer) Bytes() []byte {
	if b == nil {
		return nil
	}
	return b.mem[:b.n:b.n]
}

// Wipe zeroes the secret and frees its memory. A second call does nothing.
func (b *Buffer) Wipe() {
	if b == nil || b.mem == nil {
		return
	}
	clear(b.mem)
	_ = unix.Munmap(b.mem) // this unlocks it too
	b.mem, b.n = nil, 0
}
