package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// CreateDisk makes a blank, sparse disk image of size bytes.
func CreateDisk(path string, size int64) (string, error) {
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return path, file.Truncate(size)
}

// HashDisk returns a SHA-256 over an image's content, to show that nothing was
// written. It skips blocks of zeros, and does not read holes, so a sparse image takes
// no longer than its data.
func HashDisk(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	block, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); ; {
		data, err := unix.Seek(int(file.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // a hole to the end
			return hex.EncodeToString(hash.Sum(nil)), nil
		}
		if err != nil {
			return "", &os.PathError{Op: "seek", Path: path, Err: err}
		}
		at = data - data%int64(len(block))
		n, err := file.ReadAt(block, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if !bytes.Equal(block[:n], zeros[:n]) {
			fmt.Fprintln(hash, at, n)
			hash.Write(block[:n])
		}
		at += int64(n)
	}
}

// Slice copies a partition from an image into a sparse file beside it, for tools that
// take only a filesystem.
func (p Partition) Slice(image string) (string, error) {
	slice := strings.TrimSuffix(image, filepath.Ext(image)) + fmt.Sprintf("-part%d.img", p.Number)
	in, err := os.Open(image)
	if err != nil {
		return slice, err
	}
	defer in.Close()
	out, err := os.Create(slice)
	if err != nil {
		return slice, err
	}
	return slice, errors.Join(p.copy(out, in), out.Close())
}

// copy skips the image's holes.
func (p Partition) copy(out, in *os.File) error {
	if err := out.Truncate(p.Size); err != nil {
		return err
	}
	for at, end := p.Start, p.Start+p.Size; at < end; {
		data, err := unix.Seek(int(in.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || data >= end { // a hole to the end
			return nil
		}
		if err != nil {
			return &os.PathError{Op: "seek", Path: in.Name(), Err: err}
		}
		if at, err = unix.Seek(int(in.Fd()), data, unix.SEEK_HOLE); err != nil {
			return &os.PathError{Op: "seek", Path: in.Name(), Err: err}
		}
		at = min(at, end)
		if _, err := io.Copy(io.NewOffsetWriter(out, data-p.Start), io.NewSectionReader(in, data, at-data)); err != nil {
			return err
		}
	}
	return nil
}

// CheckDisk checks an installed image offline: the partition table, and each partition
// by its content. A LUKS container must be version 2 with argon2id; CheckDisk cannot
// see inside it. The first fault is the error.
func CheckDisk(ctx context.Context, image string, sector int) error {
	parts, err := Partitions(image, sector)
	if err != nil {
		return err
	}
	if or(sector, 512) == 512 {
		out, err := tool(ctx, "sgdisk", "-v", image)
		if err != nil {
			return err
		}
		if !bytes.Contains(out, []byte("No problems found")) {
			return fmt.Errorf("sgdisk -v: %s", out)
		}
	}
	for _, part := range parts {
		slice, err := part.Slice(image)
		if err != nil {
			return err
		}
		err = checkSlice(ctx, slice)
		os.Remove(slice)
		if err != nil {
			return fmt.Errorf("partition %d: %w", part.Number, err)
		}
	}
	return nil
}

func checkSlice(ctx context.Context, slice string) error {
	kind, _ := exec.CommandContext(ctx, "blkid", "-p", "-o", "value", "-s", "TYPE", slice).Output()
	switch strings.TrimSpace(string(kind)) {
	case "vfat":
		_, err := tool(ctx, "fsck.fat", "-n", slice)
		return err
	case "ext4":
		_, err := tool(ctx, "e2fsck", "-fn", slice)
		return err
	case "crypto_LUKS":
		out, err := tool(ctx, "cryptsetup", "luksDump", slice)
		if err == nil && (!bytes.Contains(out, []byte("Version:       \t2")) || !bytes.Contains(out, []byte("argon2id"))) {
			err = fmt.Errorf("not LUKS2 with argon2id:\n%s", out)
		}
		return err
	}
	return nil
}

// tool runs a command of the host that must succeed, and returns its output.
func tool(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %q: %w\n%s", name, args, err, tail(out))
	}
	return out, err
}
