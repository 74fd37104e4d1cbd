package bootproof

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/sys"
)

// firmware checks the firmware's boot menu: each entry for the new ESP must
// name a good program. If another entry comes first, that is only a warning:
// many firmwares keep an order of their own, and the operator can choose.
func (p *proof) firmware(_ context.Context, s sys.System) (string, error) {
	boot, err := efi.Read(p.o.Firmware)
	if err != nil {
		s.Warn("the firmware's boot menu cannot be read: " + err.Error())
		return "", nil //nolint:nilerr // the removable path needs no menu
	}
	p.boot = boot
	var errs []error
	for _, e := range boot.Entries {
		if !strings.EqualFold(e.PartUUID, p.o.ESPGUID) || e.Path == "" {
			continue // of another disk, or the firmware's own for the removable path
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
		return "", errors.Join(errs...)
	}
	for _, n := range boot.Order {
		e, ok := boot.Entry(n)
		if !ok || !e.Active || boot.Current != nil && n == *boot.Current {
			continue
		}
		if strings.EqualFold(e.PartUUID, p.o.ESPGUID) {
			return fmt.Sprintf("the firmware starts it first (%s, %s)", e.Name(), e.Description), nil
		}
		s.Warn(fmt.Sprintf("the firmware starts %s (%s) first: if that is another disk, choose the new one in the firmware's boot menu", e.Name(), e.Description))
		return "", nil
	}
	s.Log("the firmware has no entry for the new disk; it will search the disk by itself")
	return "", nil
}

// arch is the architecture of the firmware: a 64-bit processor may have 32-bit
// firmware.
func (p *proof) arch() string {
	size, _ := os.ReadFile(filepath.Join(p.o.Firmware, "sys/firmware/efi/fw_platform_size")) // without the file they are the same
	if runtime.GOARCH == "amd64" && strings.TrimSpace(string(size)) == "32" {
		return "386"
	}
	return runtime.GOARCH
}

// loader checks the program at the removable path, which the firmware starts
// without an entry. With an entry, the loader may be elsewhere.
func (p *proof) loader(_ context.Context, s sys.System) (string, error) {
	name := efi.Removable(p.arch())
	i, err := p.program(name)
	if errors.Is(err, fs.ErrNotExist) && p.byMenu != nil {
		name = fat.Path(p.byMenu.Path)
		s.Warn("there is no loader at the removable path: the disk starts only on firmware that has the entry " + p.byMenu.Name())
		i, err = p.program(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no loader on the ESP at %s", name)
	}
	if err != nil {
		return "", err
	}
	what := cmp.Or(i.Loader, "a loader")
	if i.Loader == "" && i.Unified() {
		what = "a unified kernel"
	}
	if p.boot.SecureBoot != nil && *p.boot.SecureBoot {
		if !i.Signed {
			return "", sys.Faultf(sys.CodeBootProof, "switch Secure Boot off in the firmware, or sign the loader with a key that the firmware trusts",
				"Secure Boot is on, and %s has no signature", name)
		}
		s.Warn("Secure Boot is on: that the firmware trusts the signature of " + name + " is not proven")
	}
	return fmt.Sprintf("%s is %s for %s", name, what, i.Arch), nil
}

// program reads an EFI program on the ESP to its end. It must be for the
// firmware's architecture.
func (p *proof) program(name string) (efi.Image, error) {
	f, err := p.onESP(name)
	if err != nil {
		return efi.Image{}, err
	}
	i, err := readProgram(name, f, p.arch())
	if err == nil {
		_, err = readAll(name, f, 0)
	}
	return i, err
}

// readProgram reads the headers of an EFI program for an architecture.
func readProgram(name string, f *io.SectionReader, arch string) (efi.Image, error) {
	i, err := efi.ReadImage(f, f.Size())
	switch {
	case err != nil:
		return i, fmt.Errorf("%s: %w", name, err)
	case i.Arch != arch:
		return i, fmt.Errorf("%s is for %s; this machine needs %s", name, i.Arch, arch)
	}
	return i, nil
}
