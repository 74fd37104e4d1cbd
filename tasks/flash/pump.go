package flash

import (
	"context"
	"io"

	"auto-installer/internal/disk/block"
)

// chunkSize is the size of a read or write, in bytes: sticks are fastest with it,
// and it is a multiple of their erase blocks.
const chunkSize = 4 << 20

// pump reads src in chunks and passes each to use. All but the last are full, and suit
// O_DIRECT. If ctx ended, the error is its cause.
func pump(ctx context.Context, src io.Reader, use func([]byte) error) error {
	buf := block.Aligned(chunkSize)
	for {
		n, err := fill(src, buf)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		ended := err == io.EOF //nolint:errorlint // what wraps it is a failure
		if err != nil && !ended {
			return err
		}
		if n > 0 {
			if err := use(buf[:n]); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// fill reads from r until b is full. At the end of r it returns the rest and
// io.EOF. With io.ReadFull, the io.ErrUnexpectedEOF of a decompressor, for an
// archive that is cut short, would look like the end.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = r.Read(b[n:])
		n += more
	}
	if n == len(b) {
		err = nil
	}
	return n, err
}
