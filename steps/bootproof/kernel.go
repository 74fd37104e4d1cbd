package bootproof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/sys"
)

// kernel reads what the default entry starts to its end, and compares it with
// the system's own files.
func (p *proof) kernel(_ context.Context, s sys.System) (string, error) {
	if p.entry == nil {
		return "", errSkipped
	}
	e := p.entry
	var names []string
	var same bool
	var err error
	if e.Linux != "" {
		names, same, err = p.parts()
	} else {
		names, same, err = p.image(s, e.UKI+e.EFI)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("entry %s: %w", e.File, err)
	case names == nil:
		return "", nil
	}
	s.Log("read to the end: " + strings.Join(names, ", "))
	if same {
		return "kernel and initrd on the ESP are the system's own, byte by byte", nil
	}
	return "kernel and initrd on the ESP can be read to the end", nil
}

// errOther: the ESP has other files than the store.
var errOther = errors.New("the files differ from those in the store")

// parts reads the kernel and the initrds of an entry that names each. One of
// the initrds must be the system's.
func (p *proof) parts() (names []string, same bool, err error) {
	e := p.entry
	var errs []error
	f, err := p.anywhere(e.Linux)
	if err == nil {
		same, err = p.checkKernel(e.Linux, f)
	}
	names, errs = append(names, path.Base(e.Linux)), append(errs, err)
	initrd := false
	for _, name := range e.Initrds {
		f, err := p.anywhere(name)
		if err == nil {
			var is bool
			is, err = p.compare(name, f, "initrd")
			initrd = initrd || is
		}
		names, errs = append(names, path.Base(name)), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, false, err
	}
	if has, err := p.storeHas("initrd"); err != nil || has && !initrd {
		return nil, false, fmt.Errorf("none of its initrds (%s) is the system's: %w", strings.Join(e.Initrds, ", "), errors.Join(err, errOther))
	}
	return names, same && initrd, nil
}

// checkKernel checks a kernel, which the firmware loads as an EFI program, and
// reports whether it is the system's.
func (p *proof) checkKernel(name string, f file) (same bool, err error) {
	i, err := efi.ReadImage(f, f.Size())
	switch {
	case err != nil && f.Size() == 0:
		return false, fmt.Errorf("%s is empty", name)
	case err != nil:
		return false, fmt.Errorf("%s: %w", name, err)
	case i.Arch != efi.Arch:
		return false, fmt.Errorf("%s is for %s, and this machine is %s", name, i.Arch, efi.Arch)
	}
	same, err = p.compare(name, f, "kernel")
	if err != nil || same {
		return same, err
	}
	if has, err := p.storeHas("kernel"); has || err != nil {
		return false, fmt.Errorf("%s is not the system's kernel: %w", name, errors.Join(err, errOther))
	}
	return false, nil
}

// anywhere opens a file of the ESP or, as only GRUB can, of the root.
func (p *proof) anywhere(name string) (file, error) {
	f, err := p.onESP(name)
	if p.grub && errors.Is(err, fs.ErrNotExist) {
		return p.inRoot("/" + fat.Path(name))
	}
	return f, err
}

// image reads a unified kernel image, or another EFI program that the entry
// starts. Names is nil if the program's own contents cannot be proven.
func (p *proof) image(s sys.System, name string) (names []string, same bool, err error) {
	i, err := p.program(name)
	if err != nil {
		return nil, false, err
	}
	if !i.Unified() {
		s.Warn(name + " is an EFI program of its own: what it starts is not proven")
		return nil, false, nil
	}
	if p.line == "" {
		p.line = i.CommandLine()
	}
	check := p.thick
	if len(i.Text(".linuxh")) > 0 {
		check = p.thin
	}
	same, err = check(name, i)
	return []string{path.Base(name)}, same, err
}

// thick checks a unified image that contains kernel and initrd.
func (p *proof) thick(name string, i efi.Image) (same bool, err error) {
	kernel, err := p.checkKernel(name+" (.linux)", i.Section(".linux"))
	if err != nil {
		return false, err
	}
	r := i.Section(".initrd")
	if r == nil {
		if has, err := p.storeHas("initrd"); has || err != nil {
			return false, errors.Join(fmt.Errorf("%s has no initrd", name), err)
		}
		return false, nil
	}
	initrd, err := p.compare(name+" (.initrd)", r, "initrd")
	return kernel && initrd, err
}

// thin checks an image of Lanzaboote, which names kernel and initrd as files of
// the ESP with their SHA-256.
func (p *proof) thin(_ string, i efi.Image) (same bool, err error) {
	same = true
	for _, part := range []struct{ section, store string }{{".linux", "kernel"}, {".initrd", "initrd"}} {
		name := strings.Trim(string(i.Text(part.section)), "\x00")
		f, err := p.onESP(name)
		if err != nil {
			return false, err
		}
		d, err := readAll(name, f, 0)
		if err != nil {
			return false, err
		}
		if string(d.sum[:]) != string(i.Text(part.section+"h")) {
			return false, fmt.Errorf("%s is not the file that the image was made for: its hash differs", name)
		}
		is, err := p.compare(name, f, part.store)
		if err != nil {
			return false, err
		}
		same = same && is
	}
	return same, nil
}
