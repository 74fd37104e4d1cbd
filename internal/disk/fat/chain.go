package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
)

var errChain = errors.New("its chain of clusters is broken")

// run is a sequence of clusters that are adjacent on the device.
type run struct {
	at, length int64 // bytes
	off        int64 // its offset in the file
}

// next is the cluster after c, or 0 at the end of a chain.
func (f *FS) next(c uint32) (uint32, error) {
	at := int64(c) * 4
	if at < f.tableAt || at+4 > f.tableAt+int64(len(f.table)) {
		const window = 64 << 10
		start := at / window * window
		end := min(start+window, (int64(f.clusters)+2)*4)
		b := make([]byte, end-start)
		if n, err := f.r.ReadAt(b, f.fatStart+start); err != nil && (n < len(b) || !errors.Is(err, io.EOF)) {
			return 0, fmt.Errorf("reading the table of clusters: %w", err)
		}
		f.table, f.tableAt = b, start
	}
	n := binary.LittleEndian.Uint32(f.table[at-f.tableAt:]) & 0x0fffffff // the high bits are reserved
	switch {
	case n >= 0x0ffffff8:
		return 0, nil
	case n < 2 || n-2 >= f.clusters: // free, bad or outside
		return 0, errChain
	}
	return n, nil
}

// chain locates a file of size bytes. A shorter chain is an error.
func (f *FS) chain(first uint32, size int64) ([]run, error) {
	runs, n, err := f.follow(first, (size+f.cluster-1)/f.cluster)
	if err == nil && n*f.cluster < size {
		err = fmt.Errorf("%w: it ends after %d of %d bytes", errChain, n*f.cluster, size)
	}
	return runs, err
}

// follow follows a chain for at most so many clusters, so that a loop ends.
func (f *FS) follow(c uint32, most int64) (runs []run, n int64, err error) {
	if most > 0 && (c < 2 || c-2 >= f.clusters) {
		return nil, 0, errChain
	}
	if most > int64(f.clusters) {
		return nil, 0, fmt.Errorf("%w: it is larger than the file system", errChain)
	}
	for c != 0 && n < most {
		at := f.data + int64(c-2)*f.cluster
		if last := len(runs) - 1; last >= 0 && runs[last].at+runs[last].length == at {
			runs[last].length += f.cluster
		} else {
			runs = append(runs, run{at, f.cluster, n * f.cluster})
		}
		n++
		if n == most {
			break
		}
		if c, err = f.next(c); err != nil {
			return nil, 0, err
		}
	}
	return runs, n, nil
}

// extents reads several runs as one file.
type extents struct {
	f    *FS
	runs []run
}

func (e extents) ReadAt(p []byte, off int64) (int, error) {
	// The last run that begins at or before off.
	i := sort.Search(len(e.runs), func(i int) bool { return e.runs[i].off > off }) - 1
	done := 0
	for ; done < len(p); i++ {
		if i < 0 || i >= len(e.runs) || off-e.runs[i].off >= e.runs[i].length {
			return done, io.EOF
		}
		r := e.runs[i]
		n, err := e.f.r.ReadAt(p[done:done+int(min(int64(len(p)-done), r.off+r.length-off))], r.at+off-r.off)
		done, off = done+n, off+int64(n)
		if err != nil && (!errors.Is(err, io.EOF) || off < r.off+r.length) {
			return done, err
		}
	}
	return done, nil
}
