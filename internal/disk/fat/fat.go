// Package fat reads untrusted FAT32 file systems as the firmware does: from the
// device, past the kernel's cache. It never writes.
//
// The size of the file system bounds every chain and every folder, so that a
// damaged one is an error and never a hang.
package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"path"
	"slices"
	"strings"
)

// ErrNotFAT32: the firmware sees no FAT32 file system here.
var ErrNotFAT32 = errors.New("not a FAT32 file system")

// FS is a FAT32 file system. Paths have slashes and no leading one, see Path.
// Names match whatever their case, as in the firmware.
type FS struct {
	r        io.ReaderAt
	cluster  int64  // bytes
	fatStart int64  // bytes
	data     int64  // where cluster 2 is, bytes
	clusters uint32 // numbers 2 to clusters+1 are in use
	root     uint32

	table   []byte // the part of the FAT that next read last
	tableAt int64  // its offset in the FAT, bytes
}

// minClusters tells FAT32 from FAT16: the firmware counts clusters, the kernel
// does not (Microsoft FAT specification, "FAT type determination").
const minClusters = 65525

// Open reads the boot sector of a file system of size bytes. The error wraps
// ErrNotFAT32, or reports a failed read.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	b := make([]byte, 512)
	if _, err := r.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("reading the boot sector: %w", err)
	}
	le := binary.LittleEndian
	bad := func(format string, args ...any) (*FS, error) {
		return nil, fmt.Errorf("%w: %s", ErrNotFAT32, fmt.Sprintf(format, args...))
	}
	sector, perCluster := int64(le.Uint16(b[11:])), int64(b[13])
	reserved, copies, fatSectors := int64(le.Uint16(b[14:])), int64(b[16]), int64(le.Uint32(b[36:]))
	total := int64(le.Uint32(b[32:]))
	switch {
	case b[510] != 0x55 || b[511] != 0xaa:
		return bad("no signature in the boot sector")
	case sector < 512 || sector > 4096 || bits.OnesCount(uint(sector)) != 1:
		return bad("sectors of %d bytes", sector)
	case perCluster == 0 || bits.OnesCount(uint(perCluster)) != 1:
		return bad("clusters of %d sectors", perCluster)
	case reserved == 0 || copies == 0 || fatSectors == 0 || le.Uint16(b[22:]) != 0 || le.Uint16(b[17:]) != 0:
		return bad("the boot sector describes FAT12 or FAT16, or nothing")
	case le.Uint16(b[42:]) != 0:
		return bad("version %#x", le.Uint16(b[42:]))
	case total*sector > size:
		return bad("the boot sector claims %d bytes; the device has %d", total*sector, size)
	}
	f := &FS{
		r: r, cluster: sector * perCluster, fatStart: reserved * sector, data: (reserved + copies*fatSectors) * sector,
		root: le.Uint32(b[44:]),
	}
	n := (total*sector - f.data) / f.cluster
	switch {
	case n < minClusters:
		return bad("%d clusters; the firmware wants %d", max(n, 0), minClusters)
	case n > 0x0ffffff5 || (n+2)*4 > fatSectors*sector:
		return bad("%d clusters do not fit its table", n)
	}
	f.clusters = uint32(n)
	return f, nil
}

// Open opens a file for reading. The error is a *fs.PathError.
func (f *FS) Open(name string) (*io.SectionReader, error) {
	e, err := f.find(name)
	if err == nil && e.IsDir {
		err = errors.New("is a folder")
	}
	var runs []run
	if err == nil {
		runs, err = f.chain(e.first, e.size)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return io.NewSectionReader(extents{f, runs}, 0, e.size), nil
}

// ReadDir lists a folder, sorted by name. The error is a *fs.PathError.
func (f *FS) ReadDir(name string) ([]Entry, error) {
	e, err := f.find(name)
	if err == nil && !e.IsDir {
		err = errors.New("not a folder")
	}
	var list []Entry
	if err == nil {
		list, err = f.readDir(e.first)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return list, nil
}

func (f *FS) find(name string) (Entry, error) {
	if !fs.ValidPath(name) {
		return Entry{}, fs.ErrInvalid
	}
	at := Entry{Name: ".", first: f.root, IsDir: true}
	if name == "." {
		return at, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if !at.IsDir {
			return Entry{}, fs.ErrNotExist
		}
		list, err := f.readDir(at.first)
		if err != nil {
			return Entry{}, err
		}
		i := slices.IndexFunc(list, func(e Entry) bool { return strings.EqualFold(e.Name, part) })
		if i < 0 {
			return Entry{}, fs.ErrNotExist
		}
		at = list[i]
	}
	return at, nil
}

// Path turns a path as firmware and loaders write it, from the root and with
// either kind of slash, into one for FS.
func Path(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}
