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

	"auto-installer/internal/boot/bls"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/sys"
)

// onESP opens a file of the ESP by a path as loaders write it.
func (p *proof) onESP(name string) (*io.SectionReader, error) {
	f, err := p.esp.Open(fat.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &sys.Fault{Cause: name + " is not on the ESP", Err: fs.ErrNotExist}
	}
	return f, err
}

// inRoot opens a file below the root as the installed system will see it.
func (p *proof) inRoot(name string) (*io.SectionReader, fs.FileMode, error) {
	at, err := resolve(p.o.Root, name)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(at)
	if err != nil {
		return nil, 0, err
	}
	p.closers = append(p.closers, f)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	if err != nil {
		return nil, 0, err
	}
	// Drop its cached pages, so that it is read from the disk
	// (posix_fadvise(2)). Pages that cannot be dropped were read from there.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	return io.NewSectionReader(f, 0, info.Size()), info.Mode(), nil
}

// resolve finds a file inside root, with symbolic links as the installed system
// will follow them.
func resolve(root, name string) (string, error) {
	at, err := block.Resolve(root, path.Clean("/"+name))
	return filepath.Join(root, at), err
}

// own opens a file of the installed system, or returns nil if the system has none of that
// name. A link to a missing file is an error.
func (p *proof) own(name string) (*io.SectionReader, error) {
	if p.toplevel == "" {
		return nil, nil
	}
	dir, err := resolve(p.o.Root, path.Join(p.toplevel, path.Dir(name)))
	if err == nil {
		_, err = os.Lstat(filepath.Join(dir, path.Base(name)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, _, err := p.inRoot(path.Join(p.toplevel, name))
	return f, err
}

// compare reads a file to its end and reports whether it is the system's own. An
// initrd may continue with secrets.
func (p *proof) compare(name string, f *io.SectionReader, store string) (same bool, err error) {
	own, err := p.own(store)
	if err != nil {
		return false, err
	}
	if own == nil {
		_, err = readAll(name, f, f.Size())
		return false, err
	}
	want, err := readAll("the system's "+store, own, own.Size())
	if err != nil {
		return false, err
	}
	got, err := readAll(name, f, own.Size())
	return got == want && (store == "initrd" || f.Size() == own.Size()), err
}

// readAll reads every byte of a file, because a file of the right size may
// still be unreadable. The hash is of its first so many bytes.
func readAll(name string, f *io.SectionReader, first int64) (sum [sha256.Size]byte, err error) {
	if f.Size() == 0 {
		return sum, fmt.Errorf("%s is empty", name)
	}
	h := sha256.New()
	r := io.NewSectionReader(f, 0, f.Size())
	first = min(first, f.Size())
	_, err = io.CopyN(h, r, first)
	if err == nil {
		_, err = io.CopyN(io.Discard, r, f.Size()-first)
	}
	if err != nil {
		return sum, fmt.Errorf("reading %s: %w", name, err)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// readText reads a short file.
func readText(name string, f *io.SectionReader) (string, error) {
	if f.Size() > bls.MaxFile {
		return "", fmt.Errorf("%s has %d bytes; the limit is %d", name, f.Size(), bls.MaxFile)
	}
	b, err := io.ReadAll(f)
	return string(b), err
}
