package bootproof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/fat"
)

// file is a file of the ESP or of the root.
type file interface {
	io.ReaderAt
	Size() int64
}

// notOnESP names a file that is missing.
type notOnESP string

func (name notOnESP) Error() string   { return string(name) + " is not on the ESP" }
func (notOnESP) Is(target error) bool { return target == fs.ErrNotExist }

// onESP opens a file of the ESP by a path as loaders write it.
func (p *proof) onESP(name string) (*io.SectionReader, error) {
	f, err := p.esp.Open(fat.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notOnESP(name)
	}
	return f, err
}

// inRoot opens a file below the root as the installed system will see it.
func (p *proof) inRoot(name string) (*io.SectionReader, error) {
	f, info, err := p.openRoot(name)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(f, 0, info.Size()), nil
}

func (p *proof) openRoot(name string) (*os.File, fs.FileInfo, error) {
	at, err := resolve(p.o.Root, name)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(at)
	if err != nil {
		return nil, nil, err
	}
	p.open = append(p.open, f)
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a file", name)
	}
	// Drop its cached pages, so that it is read from the disk
	// (posix_fadvise(2)). Pages that cannot be dropped were read from there.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	return f, info, nil
}

// resolve finds a file inside root, with symbolic links as the installed system
// will follow them.
func resolve(root, name string) (string, error) {
	at, err := block.Resolve(root, path.Clean("/"+name))
	return filepath.Join(root, at), err
}

// storeHas reports whether the system has a file of that name. A link to a
// missing file is an error.
func (p *proof) storeHas(name string) (bool, error) {
	if p.toplevel == "" {
		return false, nil
	}
	dir, err := resolve(p.o.Root, path.Join(p.toplevel, path.Dir(name)))
	if err == nil {
		_, err = os.Lstat(filepath.Join(dir, path.Base(name)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		_, err = resolve(p.o.Root, path.Join(p.toplevel, name))
	}
	return err == nil, err
}

// compare reads a file to its end and reports whether it begins with the
// system's own. An initrd may continue with secrets.
func (p *proof) compare(name string, f file, store string) (same bool, err error) {
	has, err := p.storeHas(store)
	if err != nil {
		return false, err
	}
	var want digest
	if has {
		own := path.Join(p.toplevel, store)
		f, err := p.inRoot(own)
		if err != nil {
			return false, err
		}
		if want, err = readAll(own, f, 0); err != nil {
			return false, err
		}
	}
	got, err := readAll(name, f, want.size)
	if err != nil {
		return false, err
	}
	if store == "kernel" && got.size != want.size {
		return false, nil
	}
	return has && got.sum == want.sum && got.size >= want.size, nil
}

// digest is the size and the hash of a file.
type digest struct {
	size int64
	sum  [sha256.Size]byte
}

// readAll reads every byte of a file, because a file of the right size may
// still be unreadable. The hash is of its first so many bytes; 0: of all.
func readAll(name string, f file, first int64) (digest, error) {
	var d digest
	if d.size = f.Size(); d.size == 0 {
		return d, fmt.Errorf("%s is empty", name)
	}
	if first == 0 || first > d.size {
		first = d.size
	}
	h := sha256.New()
	r := io.NewSectionReader(f, 0, d.size)
	_, err := io.CopyN(h, r, first)
	if err == nil {
		_, err = io.CopyN(io.Discard, r, d.size-first)
	}
	if err != nil {
		return d, fmt.Errorf("reading %s: %w", name, err)
	}
	h.Sum(d.sum[:0])
	return d, nil
}
