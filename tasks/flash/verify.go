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
	"os"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// verifyOps compare the disk with the image, and then make it ready for use.
func (j *job) verifyOps() []engine.Op {
	ops := []engine.Op{engine.Do(
		fmt.Sprintf("drop the kernel's cache of %s, read the image back from it, and compare the SHA-256", j.id.Path), j.verify).Fails(j.verifyFault)}
	switch {
	case j.VerifyOnly:
		return ops
	case j.Eject:
		return append(ops, engine.Do("eject it", j.eject))
	}
	return append(ops, engine.Do("let the kernel read its new partition table", j.reread))
}

func (j *job) verify(ctx context.Context, s sys.System) (err error) {
	d, c, start := j.disk, j.content, time.Now()
	if j.VerifyOnly {
		f, err := os.OpenFile(j.id.Path, os.O_RDONLY|unix.O_DIRECT, 0)
		if err != nil {
			return block.OpenFault(j.id.Path, err)
		}
		defer f.Close()
		d = &disk{File: f, size: j.id.Size, sector: j.id.LogicalSector}
	}
	if err = d.compare(ctx, s, c); err == nil && !j.VerifyOnly {
		err = d.tailIsBlank(c.size)
	}
	switch {
	case err == nil:
		s.Log(fmt.Sprintf("read %s back, %s: the SHA-256 is the image's", block.FormatSize(c.size), rate(c.size, time.Since(start))))
	case !j.VerifyOnly:
		s.Warn(j.id.Path + " is not proven: do not use it")
	}
	return err
}

func (j *job) verifyFault(err error) error {
	if j.VerifyOnly {
		return sys.WithHint(err, sys.CodeUnexpected, "flash it again; a stick also differs after it was mounted or booted", j.id.Path+" is not the image")
	}
	return sys.WithHint(err, sys.CodeWritten, "the stick is broken, or smaller than it claims (a fake): use another one", "reading "+j.id.Path+" back")
}

func (j *job) eject(_ context.Context, s sys.System) error {
	if err := j.disk.eject(j.held.Facts().DevNo); err != nil {
		s.Log(fmt.Sprintf("%s cannot be ejected (%v)", j.id.Path, err))
	}
	s.Log(j.id.Path + " is done: pull it out")
	return nil
}

func (j *job) reread(_ context.Context, s sys.System) error {
	if err := unix.IoctlSetInt(j.disk.fd(), unix.BLKRRPART, 0); err != nil {
		s.Log(fmt.Sprintf("the kernel shows its partitions only after it is plugged in again: %v", err))
	}
	return nil
}

// compare reads the image's size from the disk and compares it.
func (d *disk) compare(ctx context.Context, s sys.System, c *content) error {
	// Other readers may have filled the page cache, which O_DIRECT may use.
	if err := unix.IoctlSetInt(d.fd(), unix.BLKFLSBUF, 0); err != nil && !errors.Is(err, unix.EACCES) {
		return err // EACCES: only root may; O_DIRECT reads the device anyway
	}
	sum, buf := sha256.New(), block.Aligned(chunkSize)
	for i, done := 0, int64(0); done < c.size; i++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b := buf[:min(chunkSize, c.size-done)]
		if _, err := d.ReadAt(buf[:toSector(int64(len(b)), d.sector)], done); err != nil {
			return notEOF(err)
		}
		if maphash.Bytes(seed, b) != c.chunks[i] {
			return fmt.Errorf("it differs from the image in the 4 MiB from %s on (byte %d)", block.FormatSize(done), done)
		}
		sum.Write(b)
		done += int64(len(b))
		s.Progress(sys.Progress{Done: done, Total: c.size, Unit: "bytes", Label: "reading back"})
	}
	if hex.EncodeToString(sum.Sum(nil)) != c.sum {
		return errors.New("its SHA-256 is not the image's")
	}
	return nil
}

// notEOF is the error of a device that ends before its stated size.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is smaller than it claims")
	}
	return err
}

// tailIsBlank checks the end of the disk, which was wiped.
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
