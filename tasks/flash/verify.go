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

// VerifyActions lists what Verify will do.
func VerifyActions(o Options) []sys.Action {
	actions := []sys.Action{{Does: fmt.Sprintf("drop the kernel's cache of %s, read the image back from it, and compare the SHA-256", o.Disk.Path)}}
	switch {
	case o.VerifyOnly:
	case o.Eject:
		actions = append(actions, sys.Action{Does: "eject it"})
	default:
		actions = append(actions, sys.Action{Does: "let the kernel read its new partition table"})
	}
	return actions
}

// Verify compares the disk with the image, and releases the disk.
func Verify(ctx context.Context, s sys.System, o Options) error {
	d := o.Job.disk
	if o.VerifyOnly {
		var err error
		if d, err = openDisk(o.Disk.Path); err != nil {
			return err
		}
		defer d.Close()
	} else {
		defer func() { _ = o.Held.Close() }() // everything is written and read back
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
			s.Log(fmt.Sprintf("the kernel shows its partitions only after it is plugged in again: %v", err))
		}
	default:
		if err := d.eject(); err != nil {
			s.Log(fmt.Sprintf("%s cannot be ejected (%v)", o.Disk.Path, err))
		}
		s.Log(o.Disk.Path + " is done: pull it out")
	}
	return nil
}

// differs says where a disk differs from the image.
type differs struct{ at int64 }

func (e differs) Error() string {
	return fmt.Sprintf("it differs from the image in the 4 MiB from %s on (byte %d)", block.FormatSize(e.at), e.at)
}

// compare reads the image's size from the disk and compares it.
func (d *disk) compare(ctx context.Context, s sys.System, c *content) error {
	// Other readers may have filled the page cache, which O_DIRECT may use.
	if err := unix.IoctlSetInt(d.fd(), unix.BLKFLSBUF, 0); err != nil && !errors.Is(err, unix.EACCES) {
		return err // EACCES: only root may; O_DIRECT reads the device anyway
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
		err = errors.New("its SHA-256 is not the image's")
	}
	return err
}

// notEOF is the error of a device that ends before its stated size.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is smaller than it claims")
	}
	return err
}

// tailIsBlank checks the end of the disk, which Write has wiped.
func (d *disk) tailIsBlank(imageSize int64) error {
	from := max(d.size-tailSize, toSector(imageSize, d.sector))
	if from >= d.size {
		return nil
	}
	tail := block.Aligned(tailSize)[:d.size-from]
	if _, err := d.ReadAt(tail, from); err != nil {
		return notEOF(err)
	}
	if len(bytes.TrimLeft(tail, "\x00")) > 0 {
		return errors.New("its end was wiped and is not blank")
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
		return sys.WithHint(err, sys.CodeUnexpected, "flash it again; a stick also differs after it was mounted or booted", o.Disk.Path+" is not the image")
	}
	return sys.WithHint(err, sys.CodeWritten, "the stick is broken, or smaller than it claims (a fake): use another one", "reading "+o.Disk.Path+" back")
}
