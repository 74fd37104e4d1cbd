package fat

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf16"
)

type Entry struct {
	Name  string
	IsDir bool
	first uint32 // its first cluster
	size  int64  // bytes; 0 for a folder
}

// Attributes of an entry (FAT specification, "Directory structure").
const (
	attrVolume = 0x08
	attrDir    = 0x10
	attrLong   = 0x0f
)

const maxDir = 65536 * 32

// readDir lists a folder by its first cluster, without the entries . and ..
func (f *FS) readDir(first uint32) ([]Entry, error) {
	most := maxDir / f.cluster
	runs, n, err := f.follow(first, most+1)
	if err == nil && n > most {
		err = fmt.Errorf("%w: it is a loop", errChain)
	}
	if err != nil {
		return nil, err
	}
	all := make([]byte, n*f.cluster)
	if n, err := (extents{f, runs}).ReadAt(all, 0); n < len(all) {
		return nil, fmt.Errorf("reading a folder: %w", err)
	}
	var list []Entry
	var long longName
	for b := range slices.Chunk(all, 32) {
		if b[0] == 0 {
			break
		}
		switch {
		case b[0] == 0xe5: // deleted
			long = longName{}
		case b[11]&0x3f == attrLong:
			long.add(b)
		case b[11]&attrVolume != 0:
			long = longName{}
		default:
			if e, ok := parse(b, long); ok {
				list = append(list, e)
			}
			long = longName{}
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	// Of two entries with one name, find sees only the first.
	return slices.CompactFunc(list, func(a, b Entry) bool { return a.Name == b.Name }), nil
}

// parse reads a short entry; long is the long name before it.
func parse(b []byte, long longName) (Entry, bool) {
	le := binary.LittleEndian
	e := Entry{
		IsDir: b[11]&attrDir != 0, size: int64(le.Uint32(b[28:])),
		first: uint32(le.Uint16(b[20:]))<<16 | uint32(le.Uint16(b[26:])),
	}
	base, ext := strings.TrimRight(string(b[:8]), " "), strings.TrimRight(string(b[8:11]), " ")
	if b[12]&0x08 != 0 { // lower case: Windows NT and Linux write this flag
		base = strings.ToLower(base)
	}
	if b[12]&0x10 != 0 {
		ext = strings.ToLower(ext)
	}
	if base == "." || base == ".." {
		return e, false
	}
	if ext != "" {
		base += "." + ext
	}
	e.Name = cmp.Or(long.text(b[:11]), base)
	if e.IsDir {
		e.size = 0
	}
	isPart := e.Name != "." && fs.ValidPath(e.Name) && !strings.ContainsAny(e.Name, "/\\\x00") // of a path
	return e, isPart
}

// longName collects the pieces of a long name. They precede the short entry,
// the last piece first.
type longName struct {
	units []uint16
	next  byte // the number of the next piece
	sum   byte
}

func (l *longName) add(b []byte) {
	const last, perPiece = 0x40, 13
	n := b[0] &^ last
	if b[0]&last != 0 {
		*l = longName{units: make([]uint16, int(n)*perPiece), next: n, sum: b[13]}
	}
	if n == 0 || n > 20 || n != l.next || b[13] != l.sum {
		*l = longName{}
		return
	}
	at := l.units[int(n-1)*perPiece:]
	for i := range perPiece {
		// Five units, then six, then two, with other fields between.
		off := 1 + 2*i
		if i >= 5 {
			off = 14 + 2*(i-5)
		}
		if i >= 11 {
			off = 28 + 2*(i-11)
		}
		at[i] = binary.LittleEndian.Uint16(b[off:])
	}
	l.next--
}

// text is the long name, or empty if it does not belong to the short one.
func (l *longName) text(short []byte) string {
	var sum byte
	for _, c := range short {
		sum = sum>>1 | sum<<7
		sum += c
	}
	if l.next != 0 || len(l.units) == 0 || sum != l.sum {
		return ""
	}
	units := l.units
	if end := slices.Index(units, 0); end >= 0 {
		units = units[:end]
	}
	return string(utf16.Decode(units))
}
