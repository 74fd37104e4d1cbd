// Package fat reads FAT32 file systems of nobody who vouches for them, as the
// firmware does: from the device, without the kernel's cache, and without
// trusting what is there.
//
// It reads only. Every chain and every folder is bounded by the size of the
// file system, so that a damaged one is an error and never a hang.
package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"path"
	"strings"
)

// ErrNotFAT32: there is no FAT32 file system that firmware would see.
var ErrNotFAT32 = errors.New("not a FAT32 file system")

// FS is a FAT32 file system. It implements fs.FS, fs.ReadDirFS and fs.StatFS.
// Names are found whatever their case, as the firmware finds them.
type FS struct {
	r        io.ReaderAt
	cluster  int64  // bytes
	fatStart int64  // bytes
	data     int64  // where cluster 2 is, bytes
	clusters uint32 // numbers 2 to clusters+1 are in use
	root     uint32
	label    string

	table   []byte // the part of the FAT that was read last
	tableAt int64  // its offset in the FAT, bytes
}

// minClusters is what tells FAT32 from FAT16: firmware counts clusters, the
// kernel does not (Microsoft FAT specification, "FAT type determination").
const minClusters = 65525

// Open reads the boot sector of a file system of size bytes. The error wraps
// ErrNotFAT32, or is one of reading.
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
		return bad("its boot sector describes FAT12 or FAT16, or nothing")
	case le.Uint16(b[42:]) != 0:
		return bad("version %#x", le.Uint16(b[42:]))
	case total*sector > size:
		return bad("it says %d bytes, and the device has %d", total*sector, size)
	}
	f := &FS{
		r: r, cluster: sector * perCluster, fatStart: reserved * sector, data: (reserved + copies*fatSectors) * sector,
		root: le.Uint32(b[44:]), label: strings.TrimRight(string(b[71:82]), " "),
	}
	n := (total*sector - f.data) / f.cluster
	switch {
	case n < minClusters:
		return bad("%d clusters, of which firmware wants %d", max(n, 0), minClusters)
	case n > 0x0ffffff5 || (n+2)*4 > fatSectors*sector:
		return bad("%d clusters do not fit its table", n)
	}
	f.clusters = uint32(n)
	return f, nil
}

// Label is the label in the boot sector.
func (f *FS) Label() string { return f.label }

// Open implements fs.FS.
func (f *FS) Open(name string) (fs.File, error) {
	e, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	if e.IsDir() {
		return &dir{f: f, e: e, name: name}, nil
	}
	runs, err := f.chain(e.first, e.size)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &File{SectionReader: io.NewSectionReader(extents{f, runs}, 0, e.size), e: e}, nil
}

// Stat implements fs.StatFS.
func (f *FS) Stat(name string) (fs.FileInfo, error) { return f.find("stat", name) }

// ReadDir implements fs.ReadDirFS.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.find("readdir", name)
	if err != nil {
		return nil, err
	}
	return f.list("readdir", name, e)
}

func (f *FS) list(op, name string, e entry) ([]fs.DirEntry, error) {
	if !e.IsDir() {
		return nil, &fs.PathError{Op: op, Path: name, Err: errors.New("not a folder")}
	}
	found, err := f.readDir(e.first)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	list := make([]fs.DirEntry, len(found))
	for i, e := range found {
		list[i] = e
	}
	return list, nil
}

// find walks to a name. The error is a *fs.PathError.
func (f *FS) find(op, name string) (entry, error) {
	e, err := f.walk(name)
	if err != nil {
		return e, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return e, nil
}

func (f *FS) walk(name string) (entry, error) {
	if !fs.ValidPath(name) {
		return entry{}, fs.ErrInvalid
	}
	at := entry{name: ".", first: f.root, dir: true}
	if name == "." {
		return at, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if !at.dir {
			return entry{}, fs.ErrNotExist
		}
		list, err := f.readDir(at.first)
		if err != nil {
			return entry{}, err
		}
		found := false
		for _, e := range list {
			if strings.EqualFold(e.name, part) || strings.EqualFold(e.short, part) {
				at, found = e, true
				break
			}
		}
		if !found {
			return entry{}, fs.ErrNotExist
		}
	}
	return at, nil
}

// File is an open file.
type File struct {
	*io.SectionReader
	e entry
}

// Stat implements fs.File.
func (f *File) Stat() (fs.FileInfo, error) { return f.e, nil }

// Close implements fs.File.
func (f *File) Close() error { return nil }

// dir is an open folder.
type dir struct {
	f    *FS
	e    entry
	name string
	rest []fs.DirEntry
	read bool
}

func (d *dir) Stat() (fs.FileInfo, error) { return d.e, nil }
func (d *dir) Close() error               { return nil }

func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a folder")}
}

// ReadDir implements fs.ReadDirFile.
func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.read {
		list, err := d.f.list("readdir", d.name, d.e)
		if err != nil {
			return nil, err
		}
		d.rest, d.read = list, true
	}
	if n > 0 && len(d.rest) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.rest) {
		n = len(d.rest)
	}
	list := d.rest[:n]
	d.rest = d.rest[n:]
	return list, nil
}

// Path makes a name for FS of a path as firmware and loaders write it, from
// the root, with either kind of slash.
func Path(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}
