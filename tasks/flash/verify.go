package flash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// VerifyActions is what Verify will do.
func VerifyActions(o Options) []sys.Action {
	actions := []sys.Action{{Does: fmt.Sprintf("drop what the kernel remembers of %s, read the image back from it, and compare the SHA-256", o.Disk.Path)}}
	switch {
	case o.VerifyOnly:
	case o.Eject:
		actions = append(actions, sys.Action{Does: "eject it"})
	default:
		actions = append(actions, sys.Action{Does: "let the kernel read its new partition table"})
	}
	return actions
}

// Verify reads back what was written, and lets go of the disk.
func Verify(ctx context.Context, s sys.System, o Options) error {
	d := o.Job.disk
	if o.VerifyOnly {
		var err error
		if d, err = openDisk(o.Disk.Path); err != nil {
			return err
		}
		defer d.Close()
	} else {
		defer func() { _ = o.Held.Close() }() // all is written and read back
	}
	start := time.Now()
	c := o.Job.content
	err := d.compare(ctx, s, c)
	if err == nil && !o.VerifyOnly {
		err = d.tailIsBlank(c.size)
	}
	if err != nil {
		return verifyFault(ctx, s, o, err)
	}
	s.Log(fmt.Sprintf("read %s back, %s: the SHA-256 is the image's", block.FormatSize(c.size), rate(c.size, time.Since(start))))
	switch {
	case o.VerifyOnly:
	case !o.Eject:
		if err := unix.IoctlSetInt(d.fd(), unix.BLKRRPART, 0); err != nil {
			s.Log(fmt.Sprintf("the kernel does not show its partitions before it is plugged in again: %v", err))
		}
	default:
		if err := d.eject(); err != nil {
			s.Log(fmt.Sprintf("%s cannot be ejected (%v)", o.Disk.Path, err))
		}
		s.Log(o.Disk.Path + " is done: pull it out")
	}
	return nil
}

// differs says where a disk is not what it should be.
type differs struct{ at int64 }

func (e differs) Error() string {
	return fmt.Sprintf("what is on it differs from the image in the 4 MiB from %s on (byte %d)", block.FormatSize(e.at), e.at)
}

// compare reads as much of the disk as the image has.
func (d *disk) compare(ctx context.Context, s sys.System, c *content) error {
	// What others have read of it is in the page cache, and O_DIRECT must not
	// find that there.
	if err := unix.IoctlSetInt(d.fd(), unix.BLKFLSBUF, 0); err != nil && !errors.Is(err, unix.EACCES) {
		return err // EACCES: root alone may, and O_DIRECT asks the device anyway
	}
	sum := sha256.New()
	read, done := int64(0), int64(0)
	err := pump(ctx, func(b []byte) (int, error) {
		n := min(int64(len(b)), c.size-read)
		if n == 0 {
			return 0, io.EOF
		}
		if _, err := d.ReadAt(b[:toSector(n, d.sector)], read); err != nil {
			return 0, notEOF(err)
		}
		read += n
		return int(n), nil
	}, func(b []byte) error {
		if maphash.Bytes(seed, b) != c.chunks[done/chunkSize] {
			return differs{done}
		}
		sum.Write(b)
		done += int64(len(b))
		s.Progress(sys.Progress{Done: done, Total: c.size, Unit: "bytes", Label: "reading back"})
		return nil
	})
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != c.sum {
		err = errors.New("the SHA-256 of what is on it is not the image's")
	}
	return err
}

// notEOF makes an error of a device that is shorter than it said.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is shorter than it says")
	}
	return err
}

// tailIsBlank looks at what Write has wiped behind the image.
func (d *disk) tailIsBlank(imageSize int64) error {
	from := max(d.size-tailSize, toSector(imageSize, d.sector))
	if from >= d.size {
		return nil
	}
	buf, err := unix.Mmap(-1, 0, tailSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(buf) }() // it was mapped above
	tail := buf[:d.size-from]
	if _, err := d.ReadAt(tail, from); err != nil {
		return notEOF(err)
	}
	if len(bytes.TrimLeft(tail, "\x00")) > 0 {
		return errors.New("its end is not blank though it was wiped")
	}
	return nil
}

func verifyFault(ctx context.Context, s sys.System, o Options, err error) error {
	if !o.VerifyOnly {
		s.Warn(o.Disk.Path + " is not proven: do not use it")
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if o.VerifyOnly {
		return sys.WithHint(err, sys.CodeUnexpected, "flash it again; a stick that was mounted or started since it was written may differ, too", o.Disk.Path+" is not the image")
	}
	return sys.WithHint(err, sys.CodeWritten, "the stick is broken, or smaller than it says (a fake): take another one", "reading "+o.Disk.Path+" back")
}
