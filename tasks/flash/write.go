package flash

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// tailSize is how many bytes at the end of the disk are wiped. Otherwise old
// tables would survive there: the backup GPT (33 sectors, UEFI 2.10 §5.3), which
// firmware uses if the primary one is not a GPT, RAID metadata and the last two
// labels of ZFS (512 KiB).
const tailSize = 1 << 20

// writeOps write the image to the disk that the gate holds. The disk stays held
// until it is verified, so that nothing can mount it before.
//
// They write the first chunk, with the partition table, last. So an interrupted
// stick never boots.
func (j *job) writeOps() []engine.Op {
	return []engine.Op{engine.Together([]sys.Action{
		{Does: "wipe its first 4 MiB and its last MiB, with every old table"},
		{Does: "write the image from its second chunk of 4 MiB on, then the first one (O_DIRECT, fsync)"},
	}, j.write).Fails(j.writeFault)}
}

func (j *job) write(ctx context.Context, s sys.System) error {
	if j.held.File() == nil {
		return sys.Faultf(sys.CodeGate, "start over; nothing was written", "%s is not held", j.id.Path)
	}
	d, err := held(j.held)
	if err != nil {
		return err
	}
	src, err := j.Image.open()
	if err != nil {
		return unread(j.Image, err)
	}
	defer src.close()
	start := time.Now()
	if err := d.write(ctx, s, src, j.content); err != nil {
		s.Warn(j.id.Path + " is incomplete and unusable: flash it again")
		return err
	}
	s.Log(fmt.Sprintf("wrote %s, %s", block.FormatSize(j.content.size), rate(j.content.size, time.Since(start))))
	j.disk = d
	return nil
}

func rate(n int64, took time.Duration) string {
	perSecond := int64(float64(n) / max(took.Seconds(), 0.001))
	return fmt.Sprintf("%s/s in %.1f s", block.FormatSize(perSecond), took.Seconds())
}

var errChanged = errors.New("the image has changed since it was checked")

func (j *job) writeFault(err error) error {
	hint := "read the log and the kernel's messages, and try again or use another stick"
	switch {
	case errors.Is(err, errChanged):
		hint = "keep the image unchanged, and start over"
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		hint = "it was unplugged, or lost power: plug it in, and start over"
	case errors.Is(err, unix.EIO):
		hint = "it is broken, or was unplugged: start over with another one"
	}
	return sys.WithHint(err, sys.CodeWritten, hint, "writing to "+j.id.Path)
}

func (d *disk) write(ctx context.Context, s sys.System, src io.Reader, c *content) error {
	spare := block.Aligned(chunkSize) // zeros, and then the first chunk
	if _, err := d.WriteAt(spare[:min(chunkSize, d.size)], 0); err != nil {
		return err
	}
	tail := min(tailSize, d.size)
	if _, err := d.WriteAt(spare[:tail], d.size-tail); err != nil {
		return err
	}
	at, first := int64(0), 0
	err := pump(ctx, src, func(b []byte) error {
		i := int(at / chunkSize)
		if i >= len(c.chunks) || maphash.Bytes(seed, b) != c.chunks[i] {
			return errChanged
		}
		whole := b[:toSector(int64(len(b)), d.sector)]
		clear(whole[len(b):])
		if at == 0 {
			first = copy(spare, whole)
		} else if _, err := d.WriteAt(whole, at); err != nil {
			return err
		}
		at += int64(len(b))
		s.Progress(sys.Progress{Done: at, Total: c.size, Unit: "bytes", Label: "writing"})
		return nil
	})
	if err == nil && at != c.size {
		err = errChanged
	}
	if err != nil {
		return err
	}
	// Keep this order inside the device, too.
	if err := d.Sync(); err != nil {
		return err
	}
	if _, err := d.WriteAt(spare[:first], 0); err != nil {
		return err
	}
	return d.Sync()
}
