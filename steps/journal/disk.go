package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
)

// Dir is the folder of the journal on the ESP.
const Dir = "auto-installer"

// Find finds the journal to resume: in memory, which is in dir, or, after a reboot, on the
// disk. It takes the first one of the same host, mode and disk as now.
func Find(now Journal, dir string) (j Journal, fromDisk bool, err error) {
	inMemory := func() (Journal, error) {
		j, err := read(file(dir))
		if errors.Is(err, os.ErrNotExist) {
			err = ErrNone
		}
		return j, err
	}
	onDisk := func() (Journal, error) { return onDisk(now.Disk) }
	var why error
	for i, find := range []func() (Journal, error){inMemory, onDisk} {
		j, err := find()
		if err == nil && len(j.Done) == 0 {
			err = ErrNone
		}
		if err == nil {
			err = j.fits(now)
		}
		if err == nil {
			return j, i > 0, nil
		}
		if why == nil || errors.Is(why, ErrNone) {
			why = err
		}
	}
	hint := "leave out --resume to start over"
	if errors.Is(why, ErrNone) {
		hint = "leave out --resume"
	}
	return Journal{}, false, sys.Faultf(sys.CodeUsage, hint, "%w", why)
}

// onDisk reads the journal of a disk or disk image.
func onDisk(disk block.Identity) (Journal, error) {
	r, err := block.OpenDirect(disk.Path)
	if err != nil {
		return Journal{}, fmt.Errorf("%w, and %s cannot be read: %w", ErrNone, disk.Path, err)
	}
	defer func() { _ = r.Close() }() // only read
	return on(r, r.Size(), disk.LogicalSector)
}

// The journal on the ESP is two files, and the older one is overwritten. FAT cannot rename a
// file over another atomically: after a power cut neither may be intact, because Linux
// writes the cluster and the size of the new entry later.
var names = [2]string{"journal-a.json", "journal-b.json"}

// on reads the journal on a disk's ESP without mounting it. A journal of another
// partition table is an error.
func on(r io.ReaderAt, size int64, sector int) (Journal, error) {
	none := func(err error) (Journal, error) { return Journal{}, fmt.Errorf("%w: %w", ErrNone, err) }
	table, err := gpt.Read(r, size, sector)
	if err != nil {
		return none(err)
	}
	if len(table.Partitions) == 0 || table.Partitions[0].Type != gpt.TypeESP {
		return none(errors.New("the first partition is not an ESP"))
	}
	esp := table.Partitions[0]
	files, err := fat.Open(io.NewSectionReader(r, esp.Start, esp.Size), esp.Size)
	if err != nil {
		return none(err)
	}
	j, _, err := newest(func(name string) (Journal, error) {
		f, err := files.Open(path.Join(Dir, name))
		if err != nil {
			return Journal{}, err
		}
		j, err := parse(f)
		if err == nil && (table.DiskGUID != j.GUIDs[0] || !slices.Equal(table.Partitions, j.Partitions)) {
			err = errors.New("the journal on the disk is for another partition table")
		}
		return j, err
	})
	if errors.Is(err, os.ErrNotExist) {
		return none(err)
	}
	return j, err
}

// newest reads both files. It returns the newer journal and the name of the other file. If
// neither is valid, the error is that of the first file that exists.
func newest(read func(name string) (Journal, error)) (found Journal, other string, err error) {
	other = names[0]
	for i, name := range names {
		j, problem := read(name)
		if problem == nil && j.Serial > found.Serial {
			found, other = j, names[1-i]
		}
		if err == nil || errors.Is(err, os.ErrNotExist) && problem != nil {
			err = problem
		}
	}
	if found.Serial > 0 {
		err = nil
	}
	return found, other, err
}

// Store writes the journal to the ESP, which is mounted at boot, and syncs it.
func (j Journal) Store(boot string) error {
	data, err := j.encode()
	if err != nil {
		return err
	}
	dir := filepath.Join(boot, Dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Without a valid journal, the first file is the older one.
	_, older, _ := newest(func(name string) (Journal, error) { return read(filepath.Join(dir, name)) })
	f, err := os.OpenFile(filepath.Join(dir, older), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close(), sys.SyncDir(dir), sys.SyncDir(boot))
}
