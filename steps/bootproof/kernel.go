package bootproof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/sys"
)

// kernel reads what the default entry starts to its end, and compares it with
// the system's own files.
func (p *proof) kernel(_ context.Context, s sys.System) (string, error) {
	e := p.entry
	files, read := append([]string{e.Linux}, e.Initrds...), p.parts
	if e.Linux == "" {
		name := e.UKI + e.EFI
		i, err := p.program(name)
		switch {
		case err != nil:
			return "", fmt.Errorf("entry %s: %w", e.File, err)
		case !i.Unified():
			s.Warn(name + " is an EFI program of its own: what it starts is not proven")
			return "", nil
		case p.line == "":
			p.line = i.CommandLine()
		}
		files, read = []string{name}, func() (bool, error) { return p.unified(name, i) }
	}
	same, err := read()
	if err != nil {
		return "", fmt.Errorf("entry %s: %w", e.File, err)
	}
	for i, name := range files {
		files[i] = path.Base(name)
	}
	s.Log("read to the end: " + strings.Join(files, ", "))
	if same {
		return "kernel and initrd on the ESP are the system's own, byte by byte", nil
	}
	return "kernel and initrd on the ESP can be read to the end", nil
}

// errOther: the ESP has other files than the store.
var errOther = errors.New("the files differ from those in the store")

// parts reads the kernel and the initrds of an entry that names each. One of
// the initrds must be the system's.
func (p *proof) parts() (same bool, err error) {
	e := p.entry
	f, err := p.anywhere(e.Linux)
	if err == nil {
		same, err = p.checkKernel(e.Linux, f)
	}
	errs, initrd := []error{err}, false
	for _, name := range e.Initrds {
		f, err := p.anywhere(name)
		if err == nil {
			var own bool
			own, err = p.compare(name, f, "initrd")
			initrd = initrd || own
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return false, err
	}
	if own, err := p.own("initrd"); err != nil || own != nil && !initrd {
		return false, fmt.Errorf("none of its initrds (%s) is the system's: %w", strings.Join(e.Initrds, ", "), errors.Join(err, errOther))
	}
	return same && initrd, nil
}

// checkKernel checks a kernel, which the firmware loads as an EFI program, and
// reports whether it is the system's.
func (p *proof) checkKernel(name string, f *io.SectionReader) (same bool, err error) {
	if _, err := readProgram(name, f, runtime.GOARCH); err != nil {
		return false, err
	}
	same, err = p.compare(name, f, "kernel")
	if err != nil || same {
		return same, err
	}
	if own, err := p.own("kernel"); own != nil || err != nil {
		return false, fmt.Errorf("%s is not the system's kernel: %w", name, errors.Join(err, errOther))
	}
	return false, nil
}

// anywhere opens a file of the ESP or, as only GRUB can, of the root.
func (p *proof) anywhere(name string) (*io.SectionReader, error) {
	f, err := p.onESP(name)
	if p.grub && errors.Is(err, fs.ErrNotExist) {
		f, _, err = p.inRoot("/" + fat.Path(name))
	}
	return f, err
}

// unified checks an image that contains kernel and initrd, or names them.
func (p *proof) unified(name string, i efi.Image) (same bool, err error) {
	if len(i.Text(".linuxh")) > 0 {
		return p.thin(i)
	}
	kernel, err := p.checkKernel(name+" (.linux)", i.Section(".linux"))
	if err != nil {
		return false, err
	}
	r := i.Section(".initrd")
	if r == nil {
		if own, err := p.own("initrd"); own != nil || err != nil {
			return false, errors.Join(fmt.Errorf("%s has no initrd", name), err)
		}
		return false, nil
	}
	initrd, err := p.compare(name+" (.initrd)", r, "initrd")
	return kernel && initrd, err
}

// thin checks an image of Lanzaboote, which names kernel and initrd as files of
// the ESP with their SHA-256.
func (p *proof) thin(i efi.Image) (same bool, err error) {
	same = true
	for _, part := range []struct{ section, store string }{{".linux", "kernel"}, {".initrd", "initrd"}} {
		name := strings.Trim(string(i.Text(part.section)), "\x00")
		f, err := p.onESP(name)
		if err != nil {
			return false, err
		}
		sum, err := readAll(name, f, f.Size())
		if err != nil {
			return false, err
		}
		if string(sum[:]) != string(i.Text(part.section+"h")) {
			return false, fmt.Errorf("%s is not the file that the image was made for: its hash differs", name)
		}
		own, err := p.compare(name, f, part.store)
		if err != nil {
			return false, err
		}
		same = same && own
	}
	return same, nil
}
