package flash

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash/maphash"
	"io"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// content is the result of reading a whole image.
type content struct {
	fileSum string // SHA-256 of the file, in hex
	sum     string // SHA-256 of the unpacked image
	size    int64  // bytes, unpacked
	// chunks has a hash of every chunk, valid in this process, to find where
	// something differs.
	chunks []uint64
}

// seed is the seed of content.chunks.
var seed = maphash.MakeSeed()

// read reads a whole image. room is the size of the disk, in bytes.
func (i Image) read(ctx context.Context, s sys.System, room int64) (*content, error) {
	src, err := i.open()
	if err != nil {
		return nil, unread(i, err)
	}
	defer src.close()
	c := &content{}
	sum := sha256.New()
	err = pump(ctx, src, func(b []byte) error {
		sum.Write(b)
		c.chunks = append(c.chunks, maphash.Bytes(seed, b))
		if c.size += int64(len(b)); c.size > room {
			return sys.Faultf(sys.CodeMachine, "use a larger disk; nothing was written",
				"%s does not fit on the disk: unpacked, it has more than %s (%d bytes)", i.Path, block.FormatSize(room), room)
		}
		s.Progress(sys.Progress{Done: min(src.at(), i.FileSize), Total: i.FileSize, Unit: "bytes", Label: "reading the image"})
		return nil
	})
	if _, ours := errors.AsType[*sys.Fault](err); ours || ctx.Err() != nil {
		return nil, err
	}
	if err == nil && src.sum != nil {
		// A decompressor may ignore bytes behind its data.
		_, err = io.Copy(io.Discard, src.rest)
	}
	if err != nil {
		return nil, unread(i, err)
	}
	c.sum = hex.EncodeToString(sum.Sum(nil))
	c.fileSum = c.sum
	if src.sum != nil {
		c.fileSum = hex.EncodeToString(src.sum.Sum(nil))
	}
	return c, nil
}
