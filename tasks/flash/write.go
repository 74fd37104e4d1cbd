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
	"auto-installer/internal/sys"
)

// tailSize is how much is wiped at the end of the disk, in bytes. There old
// tables would survive: the backup GPT (33 sectors, UEFI 2.10 §5.3), which
// firmware takes for the disk's table if the first one is no GPT, RAID metadata
// and the last two labels of ZFS (512 KiB).
const tailSize = 1 << 20

// WriteActions is what Write will do.
func WriteActions(o Options) []sys.Action {
	return []sys.Action{
		{Does: fmt.Sprintf("see once more that what the gate holds is %s, the confirmed disk", o.Disk.Path)},
		{Does: "wipe its first 4 MiB and its last MiB, so that no old table is left, and none is there before all is written"},
		{Does: "write the image from its second chunk of 4 MiB on, then the first one (O_DIRECT, fsync)"},
	}
}

// Write writes the image to the disk that the gate holds. It stays held for
// Verify: nobody can mount what has not been read back.
//
// The first chunk is written last. A stick that was not written to its end has
// no partition table, and nobody takes it for a good one.
func Write(ctx context.Context, s sys.System, o Options) error {
	if o.Held.File() == nil {
		return sys.Faultf(sys.CodeGate, "start over; nothing was written", "%s is not held", o.Disk.Path)
	}
	if err := identify(ctx, s, o.Held, o.Disk); err != nil {
		return err
	}
	d, err := held(o.Held)
	if err != nil {
		return err
	}
	src, err := o.Image.open()
	if err != nil {
		return unread(o.Image, err)
	}
	defer src.close()
	start := time.Now()
	if err := d.write(ctx, s, src, o.Job.content); err != nil {
		s.Warn(o.Disk.Path + " is not whole and cannot be used as it is: flash it again")
		return writeFault(ctx, o.Disk.Path, err)
	}
	s.Log(fmt.Sprintf("wrote %s, %s", block.FormatSize(o.Job.content.size), rate(o.Job.content.size, time.Since(start))))
	o.Job.disk = d
	return nil
}

func rate(n int64, took time.Duration) string {
	perSecond := int64(float64(n) / max(took.Seconds(), 0.001))
	return fmt.Sprintf("%s/s in %.1f s", block.FormatSize(perSecond), took.Seconds())
}

// errChanged: the image is another one than Check has read.
var errChanged = errors.New("the image has changed since it was checked")

func writeFault(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	hint := "try again, or take another stick: the log and the kernel's messages say why"
	switch {
	case errors.Is(err, errChanged):
		hint = "let nothing write to the image, and start again"
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		hint = "it was pulled out, or has lost power: plug it in, and start again"
	case errors.Is(err, unix.EIO):
		hint = "it is broken, or was pulled out: start again with another one"
	}
	return sys.WithHint(err, sys.CodeWritten, hint, "writing to "+path)
}

func (d *disk) write(ctx context.Context, s sys.System, src io.Reader, c *content) error {
	spare, err := unix.Mmap(-1, 0, chunkSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(spare) }() // it was mapped above
	if err := d.wipe(spare, 0, min(chunkSize, d.size)); err != nil {
		return err
	}
	if err := d.wipe(spare, max(d.size-tailSize, 0), d.size); err != nil {
		return err
	}
	at, first := int64(0), 0
	err = pump(ctx, func(b []byte) (int, error) { return fill(src, b) }, func(b []byte) error {
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
	// In this order also inside the device.
	if err := d.Sync(); err != nil {
		return err
	}
	if _, err := d.WriteAt(spare[:first], 0); err != nil {
		return err
	}
	return d.Sync()
}

// wipe writes zeros from one byte to another, both on a sector.
func (d *disk) wipe(zeros []byte, from, to int64) error {
	_, err := d.WriteAt(zeros[:to-from], from)
	return err
}
