package bootproof

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"auto-installer/internal/boot/bls"
	"auto-installer/internal/boot/efi"
	"auto-installer/internal/sys"
)

func (p *proof) unifiedEntry(name string) (bls.Entry, error) {
	i, err := p.program("EFI/Linux/" + name)
	if err != nil {
		return bls.Entry{}, err
	}
	return bls.ParseUnified(name, string(i.Text(".osrel")), string(i.Text(".cmdline")))
}

// image looks into a unified kernel image, or at another EFI program that the
// entry starts.
func (p *proof) image(s sys.System, name string) (string, error) {
	f, size, err := p.open(name)
	if err != nil {
		return "", fmt.Errorf("entry %s: %w", p.entry.File, err)
	}
	i, err := p.program(name)
	if err != nil {
		return "", fmt.Errorf("entry %s: %w", p.entry.File, err)
	}
	_ = f
	if !i.Unified() {
		s.Warn(fmt.Sprintf("%s (%d bytes) is an EFI program of its own: what it starts is not proven", name, size))
		return "", nil
	}
	if p.line == "" {
		p.line = strings.Trim(string(i.Text(".cmdline")), " \t\r\n\x00")
	}
	var kernel, initrd bool
	if sum := i.Text(".linuxh"); len(sum) > 0 {
		kernel, initrd, err = p.thin(i)
	} else {
		kernel, initrd, err = p.thick(name, i)
	}
	if err != nil {
		return "", fmt.Errorf("entry %s: %w", p.entry.File, err)
	}
	s.Log("read to the end: " + path.Base(name))
	return whole(kernel && initrd), nil
}

// thick checks a unified image that holds kernel and initrd.
func (p *proof) thick(name string, i efi.Image) (kernel, initrd bool, err error) {
	k := i.Section(".linux")
	if kernel, err = p.checkKernelImage(name+" (.linux)", k, k.Size()); err != nil {
		return false, false, err
	}
	r := i.Section(".initrd")
	if r == nil {
		if has, err := p.storeHas("initrd"); has || err != nil {
			return false, false, errors.Join(fmt.Errorf("%s has no initrd", name), err)
		}
		return kernel, false, nil
	}
	initrd, err = p.compare(name+" (.initrd)", r, r.Size(), "initrd")
	return kernel, initrd, err
}

// thin checks an image of Lanzaboote's: kernel and initrd are files of the ESP,
// which the image names with their SHA-256.
func (p *proof) thin(i efi.Image) (kernel, initrd bool, err error) {
	for _, part := range []struct {
		section, store string
		same           *bool
	}{{".linux", "kernel", &kernel}, {".initrd", "initrd", &initrd}} {
		name := strings.Trim(string(i.Text(part.section)), "\x00")
		f, size, err := p.open(name)
		if err != nil {
			return false, false, err
		}
		d, err := readAll(name, io.NewSectionReader(f, 0, size), 0)
		if err != nil {
			return false, false, err
		}
		if string(d.sum[:]) != string(i.Text(part.section+"h")) {
			return false, false, fmt.Errorf("%s is not the file that the image was made for: its hash is another", name)
		}
		if *part.same, err = p.compare(name, f, size, part.store); err != nil {
			return false, false, err
		}
	}
	return kernel, initrd, nil
}
