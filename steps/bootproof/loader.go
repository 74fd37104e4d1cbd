package bootproof

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/sys"
)

// firmware looks at the firmware's own boot menu: what it says of the new ESP
// must be true. That another entry comes first is a warning: many firmwares
// keep an order of their own, and the operator can choose.
func (p *proof) firmware(_ context.Context, s sys.System) (string, error) {
	switch {
	case p.o.Firmware == "":
		return "", nil
	case p.esp == nil:
		return "", errSkipped
	}
	boot, ok := p.readMenu(s)
	if !ok { // the removable path needs no menu
		return "", nil
	}
	p.boot = boot
	var errs []error
	for _, e := range boot.Entries {
		if !strings.EqualFold(e.PartUUID, p.o.ESPGUID) || e.Path == "" {
			continue // not of this disk, or the firmware's own for the removable path
		}
		if _, err := p.program(fat.Path(e.Path)); err != nil {
			errs = append(errs, fmt.Errorf("%s (%s): %w", e.Name(), e.Description, err))
			continue
		}
		if e.Active && slices.Contains(boot.Order, e.Number) && p.byMenu == nil {
			p.byMenu = &e
		}
	}
	if errs != nil {
		return "", all(errs)
	}
	for _, n := range boot.Order {
		e, ok := boot.Entry(n)
		if !ok || !e.Active || boot.Current != nil && n == *boot.Current {
			continue
		}
		if strings.EqualFold(e.PartUUID, p.o.ESPGUID) {
			return fmt.Sprintf("the firmware starts it first (%s, %s)", e.Name(), e.Description), nil
		}
		s.Warn(fmt.Sprintf("the firmware starts %s (%s) first: choose the new disk in its boot menu if that is another", e.Name(), e.Description))
		return "", nil
	}
	s.Log("the firmware has no entry of its own; it will look on the disk by itself")
	return "", nil
}

func (p *proof) readMenu(s sys.System) (efi.Boot, bool) {
	boot, err := efi.Read(p.o.Firmware)
	if err != nil {
		s.Warn("the firmware's boot menu cannot be read: " + err.Error())
	}
	return boot, err == nil
}

// arch is the architecture of the firmware, which need not be the processor's.
func (p *proof) arch() string {
	size, _ := os.ReadFile(filepath.Join(p.o.Firmware, "sys/firmware/efi/fw_platform_size")) // absent: the same
	if p.o.Firmware != "" && efi.Arch == "amd64" && strings.TrimSpace(string(size)) == "32" {
		return "386"
	}
	return efi.Arch
}

// loader looks at the program that firmware starts from a disk it has no entry
// for, and needs none where it has one.
func (p *proof) loader(_ context.Context, s sys.System) (string, error) {
	if p.esp == nil {
		return "", errSkipped
	}
	name := efi.Removable(p.arch())
	i, err := p.program(name)
	if errors.Is(err, fs.ErrNotExist) && p.byMenu != nil {
		name = fat.Path(p.byMenu.Path)
		s.Warn("there is no loader at the removable path: the disk starts only where the firmware has its entry " + p.byMenu.Name())
		i, err = p.program(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no loader on the ESP at %s%s", name, p.others())
	}
	if err != nil {
		return "", err
	}
	what := i.Loader
	switch {
	case what == "" && i.Unified():
		what = "a unified kernel"
	case what == "":
		what = "a loader"
	}
	if p.boot.SecureBoot != nil && *p.boot.SecureBoot {
		if !i.Signed {
			return "", sys.Faultf(sys.CodeBootProof, "switch Secure Boot off in the firmware, or sign the loader with a key that it knows",
				"Secure Boot is on, and %s has no signature", name)
		}
		s.Warn("Secure Boot is on: that the firmware trusts the signature of " + name + " is not proven")
	}
	return fmt.Sprintf("%s is %s for %s", name, what, i.Arch), nil
}

// others names the programs that are at the removable path instead.
func (p *proof) others() string {
	found, _ := p.esp.ReadDir("EFI/BOOT") // absent: none
	var names []string
	for _, f := range found {
		names = append(names, sys.Clean(f.Name()))
	}
	if names == nil {
		return ""
	}
	return ", only " + strings.Join(names, ", ")
}

// program reads an EFI program on the ESP to its end. It must be for the
// firmware's architecture.
func (p *proof) program(name string) (efi.Image, error) {
	f, size, err := p.open(name)
	if err != nil {
		return efi.Image{}, err
	}
	i, err := efi.ReadImage(f, size)
	if err != nil {
		return i, fmt.Errorf("%s: %w", name, err)
	}
	if i.Arch != p.arch() {
		return i, fmt.Errorf("%s is for %s, and this machine's firmware is %s", name, i.Arch, p.arch())
	}
	_, err = readAll(name, io.NewSectionReader(f, 0, size), 0)
	return i, err
}

// file can be read at any place.
type file interface {
	io.Reader
	io.ReaderAt
}

// open opens a file of the ESP by a path as loaders write it.
func (p *proof) open(name string) (file, int64, error) {
	f, err := p.esp.Open(fat.Path(name))
	if err != nil {
		return nil, 0, missing(name, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	r, ok := f.(*fat.File)
	if !ok {
		return nil, 0, fmt.Errorf("%s is a folder", name)
	}
	return r, info.Size(), nil
}

// missing says in few words that a file of the ESP is not there.
func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not on the ESP%w", name, quiet{fs.ErrNotExist})
	}
	return err
}

// quiet is an error to be found by errors.Is and not to be read.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

// digest is what a file holds.
type digest struct {
	size int64
	sum  [sha256.Size]byte
}

// readAll reads every byte: a file can have the right size and still not be
// readable. The digest is of its first so many bytes, all of it if that is 0.
func readAll(name string, r io.Reader, first int64) (digest, error) {
	h := sha256.New()
	from := r
	if first > 0 {
		from = io.LimitReader(r, first)
	}
	n, err := io.Copy(h, from)
	var d digest
	h.Sum(d.sum[:0])
	if err == nil && first > 0 {
		var more int64
		more, err = io.Copy(io.Discard, r)
		n += more
	}
	d.size = n
	switch {
	case err != nil:
		return d, fmt.Errorf("reading %s: %w", name, err)
	case n == 0:
		return d, fmt.Errorf("%s is empty", name)
	}
	return d, nil
}
