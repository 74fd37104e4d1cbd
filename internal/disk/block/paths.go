package block

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/gpt"
)

// ByID returns, for every kernel name, the link in /dev/disk/by-id that a person
// recognizes best, as a path without root. Without udev there are no links,
// which is not an error.
func ByID(root string) (map[string]string, error) {
	const dir = "/dev/disk/by-id"
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	best := map[string]string{}
	for _, e := range entries {
		target, err := Resolve(root, dir+"/"+e.Name())
		if err != nil {
			continue // the device is gone
		}
		name := strings.TrimPrefix(target, "/dev/")
		if best[name] == "" || betterID(e.Name(), best[name]) < 0 {
			best[name] = e.Name()
		}
	}
	for name, id := range best {
		best[name] = dir + "/" + id
	}
	return best, nil
}

// numbers matches links that say less than model and serial number
// (udev: 60-persistent-storage.rules).
var numbers = regexp.MustCompile(`^(wwn-|lvm-|(dm|md)-uuid-|nvme-(eui|nvme|uuid)\.|scsi-[01238])`)

func betterID(a, b string) int {
	rank := func(id string) int { return min(len(numbers.FindString(id)), 1) }
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// Resolve follows the symbolic links of a path below root, where absolute links
// start at root again. The result is without root; a device's is its kernel
// path, such as /dev/nvme0n1 or /dev/dm-0. The error wraps fs.ErrNotExist if
// the path leads nowhere.
func Resolve(root, path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	const maxLinks = 40 // as the kernel, path_resolution(7)
	todo, done := strings.Split(path, "/"), "/"
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		next := filepath.Join(done, part) // resolves ..
		info, err := os.Lstat(filepath.Join(root, next))
		if err != nil {
			if next != path {
				return "", fmt.Errorf("%s: %s: %w", path, next, errors.Unwrap(err))
			}
			return "", fmt.Errorf("%s: %w", path, errors.Unwrap(err))
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: too many symbolic links", path)
		}
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			done = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return done, nil
}

// Image describes an image file as if it were a disk, for a dry run or a test
// without a disk. It reads the partition table, not the partitions.
func Image(path string) (Device, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Device{}, err
	}
	d := Device{Name: filepath.Base(path), Path: path, Type: TypeFile, Size: info.Size()}
	table, sectorSize, err := gpt.ReadFile(path)
	d.LogicalSector, d.PhysicalSector = sectorSize, sectorSize
	if sectorSize == 0 {
		return Device{}, err
	}
	if table == nil {
		d.Content = content(path, d.Size, false)
		return d, nil
	}
	d.PTType, d.PTUUID = "gpt", table.DiskGUID
	for _, p := range table.Partitions {
		d.Partitions = append(d.Partitions, Device{
			Name: filepath.Base(PartitionPath(path, p.Number)), Path: PartitionPath(path, p.Number),
			Type: TypePart, Size: p.Size, Number: p.Number, Start: p.Start,
			PartUUID: p.GUID, PartType: p.Type, PartLabel: p.Name,
			LogicalSector: sectorSize, PhysicalSector: sectorSize,
		})
	}
	return d, nil
}

// Busy asks the kernel whether anything claims a block device or a part of it:
// a mount in any namespace, swap, a mapper, an imported pool, a journal. For a
// moment it claims the device itself, so call it right before the first write
// and not in a survey. Only root may read the device.
func Busy(path string) (bool, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.EBUSY) {
		return true, nil
	}
	if err != nil {
		return false, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return false, unix.Close(fd)
}
