package flash

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestPump(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 7*chunkSize + 3} {
		want := pattern(size + 512)[:size]
		src := bytes.NewReader(want)
		var got []byte
		err := pump(t.Context(), src, func(b []byte) error {
			if len(b) != chunkSize && len(got)+len(b) != size {
				t.Errorf("a chunk of %d bytes in the middle", len(b))
			}
			got = append(got, b...)
			return nil
		})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
}

func TestPumpEnds(t *testing.T) {
	broken := errors.New("broken")
	endless := zeros{}
	if err := pump(t.Context(), iotest.ErrReader(broken), func([]byte) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
	if err := pump(t.Context(), endless, func([]byte) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a writer that fails: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := pump(ctx, endless, func([]byte) error { cancel(broken); return nil }); !errors.Is(err, broken) {
		t.Errorf("a context that ends: %v", err)
	}
}

// zeros never end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// An archive that is cut short is not a shorter image.
func TestFillTellsWhatWasCutShort(t *testing.T) {
	short := iotest.ErrReader(io.ErrUnexpectedEOF)
	err := pump(t.Context(), io.MultiReader(bytes.NewReader(make([]byte, 9)), short), func([]byte) error { return nil })
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the error is %v", err)
	}
}
