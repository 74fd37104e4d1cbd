package block

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/disk/gpt"
	"golang.org/x/sys/unix"
)

// ByID returns for every kernel name the link in /dev/disk/by-id that says
// most to a person, as a path without root. No links are no error: there may
// be no udev.
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
			continue // the device went away
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

// idKinds are the beginnings of links (udev: 60-persistent-storage.rules), the
// ones with model and serial number first. A number alone comes after them.
var idKinds = []string{
	"nvme-eui.", "nvme-nvme.", "nvme-uuid.", "scsi-0", "scsi-1", "scsi-2", "scsi-3", "scsi-8", // numbers
	"nvme-", "ata-", "virtio-", "mmc-", "usb-", "scsi-", "ieee1394-", "wwn-", "dm-name-", "md-name-",
}

func betterID(a, b string) int {
	rank := func(id string) int {
		i := slices.IndexFunc(idKinds, func(kind string) bool { return strings.HasPrefix(id, kind) })
		const numbers = 8
		if i < 0 || i < numbers {
			i += len(idKinds) + 1
		}
		return i
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// Resolve follows the links of a path that the user gave, below root, to the
// device or file that it stands for. The result is without root; a device's
// is its kernel path, such as /dev/nvme0n1 or /dev/dm-0. The error wraps
// fs.ErrNotExist if there is nothing.
func Resolve(root, path string) (string, error) {
	if !filepath.IsAbs(path) {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		path = abs
	}
	const maxLinks = 40 // as the kernel, path_resolution(7)
	todo, done := strings.Split(filepath.Clean(path), "/"), "/"
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		next := filepath.Join(done, part) // takes care of ..
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
// without a disk. Its table is read; what is in the partitions is not.
func Image(path string) (Device, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Device{}, err
	}
	if !info.Mode().IsRegular() {
		return Device{}, fmt.Errorf("%s is not a file", path)
	}
	d := Device{Name: filepath.Base(path), Path: path, Type: TypeFile, Size: info.Size()}
	table, sectorSize, err := gpt.ReadFile(path)
	switch {
	case errors.Is(err, gpt.ErrMBR):
		d.PTType = "dos"
	case err != nil && !errors.Is(err, gpt.ErrNone) && !errors.Is(err, gpt.ErrDamaged):
		return Device{}, err
	}
	d.LogicalSector, d.PhysicalSector = sectorSize, sectorSize
	if table == nil {
		if d.unmarked() && d.PTType == "" {
			d.Content = content(path, d.Size, false)
		}
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

// Busy asks the kernel if anything holds a block device or a part of it: a
// mount in any namespace, swap, a mapper, an imported pool, a journal. It is
// for the last moment before the first write; a survey must not ask, since
// while it does, others are told the same. Reading needs permission (root).
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
