package flash

import (
	"context"
	"io"
	"sync"

	"auto-installer/internal/disk/block"
)

// chunkSize is the size of a read or write, in bytes: sticks are fastest with it,
// and it is a multiple of their erase blocks.
const chunkSize = 4 << 20

// depth is the number of chunks: pump reads one while it writes another.
const depth = 3

// pump reads chunk after chunk and passes each to use, in order, while it reads the
// next. All chunks but the last are full, see fill. The buffers suit O_DIRECT.
//
// When pump returns, neither function is running. If ctx ended, the error is its
// cause.
func pump(ctx context.Context, read func([]byte) (int, error), use func([]byte) error) error {
	type chunk struct {
		buf []byte
		n   int
		err error
	}
	free, full, stop := make(chan []byte, depth), make(chan chunk, depth), make(chan struct{})
	for range depth {
		free <- block.Aligned(chunkSize)
	}
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case b := <-free:
				n, err := read(b)
				full <- chunk{b, n, err} // never more than there are buffers
				if err != nil {
					return
				}
			case <-stop:
				return
			}
		}
	})
	defer reader.Wait()
	defer close(stop)
	for {
		c := <-full
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		ended := c.err == io.EOF //nolint:errorlint // what wraps it is a failure
		if c.err != nil && !ended {
			return c.err
		}
		if c.n > 0 {
			if err := use(c.buf[:c.n]); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
		free <- c.buf
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
