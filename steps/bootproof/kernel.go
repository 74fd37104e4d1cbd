package bootproof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/sys"
)

// kernel reads what the default entry starts to the end, and compares it with
// the system's own files.
func (p *proof) kernel(_ context.Context, s sys.System) (string, error) {
	if p.entry == nil {
		return "", errSkipped
	}
	e := p.entry
	if e.Linux == "" {
		return p.image(s, e.UKI+e.EFI)
	}
	var errs []error
	same, err := p.checkKernel(e.Linux)
	errs = append(errs, err)
	initrd := false
	for _, name := range e.Initrds {
		f, size, err := p.openAny(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		is, err := p.compare(name, f, size, "initrd")
		initrd = initrd || is
		errs = append(errs, err)
	}
	if err := all(errs); err != nil {
		return "", fmt.Errorf("entry %s: %w", e.File, err)
	}
	if has, err := p.storeHas("initrd"); err != nil || has && !initrd {
		return "", fmt.Errorf("entry %s: none of its initrds (%s) is the system's: %w", e.File, strings.Join(e.Initrds, ", "), errors.Join(err, errOther))
	}
	names := []string{path.Base(e.Linux)}
	for _, name := range e.Initrds {
		names = append(names, path.Base(name))
	}
	s.Log("read to the end: " + strings.Join(names, ", "))
	return whole(same && initrd), nil
}

// whole tells what is proven of kernel and initrd.
func whole(same bool) string {
	if same {
		return "kernel and initrd on the ESP are the system's own, byte by byte"
	}
	return "kernel and initrd on the ESP can be read to the end"
}

var errOther = errors.New("the files differ from those in the store")

// checkKernel makes sure of a kernel: firmware loads it as an EFI program.
func (p *proof) checkKernel(name string) (same bool, err error) {
	f, size, err := p.openAny(name)
	if err != nil {
		return false, err
	}
	return p.checkKernelImage(name, f, size)
}

func (p *proof) checkKernelImage(name string, f io.ReaderAt, size int64) (same bool, err error) {
	i, err := efi.ReadImage(f, size)
	switch {
	case err != nil && size == 0:
		return false, fmt.Errorf("%s is empty", name)
	case err != nil:
		return false, fmt.Errorf("%s: %w", name, err)
	case i.Arch != efi.Arch:
		return false, fmt.Errorf("%s is for %s, and this machine is %s", name, i.Arch, efi.Arch)
	}
	same, err = p.compare(name, f, size, "kernel")
	if err != nil || same {
		return same, err
	}
	if has, err := p.storeHas("kernel"); has || err != nil {
		return false, fmt.Errorf("%s is not the system's kernel: %w", name, errors.Join(err, errOther))
	}
	return false, nil
}

// openAny opens a file of the ESP, or, as only GRUB can, of the root.
func (p *proof) openAny(name string) (file, int64, error) {
	f, size, err := p.open(name)
	if err == nil || !p.grub || !errors.Is(err, fs.ErrNotExist) {
		return f, size, err
	}
	return openStore(p.o.Root, "/"+fat.Path(name))
}
