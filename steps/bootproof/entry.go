package bootproof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"auto-installer/internal/boot/bls"
	"auto-installer/internal/boot/efi"
	"auto-installer/internal/sys"
)

// menu finds the entry that is started if nobody touches a key.
func (p *proof) menu(_ context.Context, s sys.System) (string, error) {
	if p.esp == nil {
		return "", errSkipped
	}
	if _, err := p.esp.Stat("loader"); err != nil {
		return p.otherMenu(s)
	}
	text, err := p.text("loader/loader.conf")
	if err != nil {
		return "", err
	}
	config, err := bls.ParseConfig(text)
	if err != nil {
		return "", fmt.Errorf("loader/loader.conf: %w", err)
	}
	if config.Unknown != nil {
		s.Log("systemd-boot will ignore these fields of loader.conf: " + strings.Join(config.Unknown, ", "))
	}
	entries, err := p.entries(s)
	if err != nil {
		return "", err
	}
	e, why, err := config.Choose(entries, p.boot.LoaderOneShot, p.boot.LoaderDefault)
	if err != nil {
		return "", err
	}
	if config.Timeout == "menu-force" {
		s.Warn("the boot menu waits for somebody to choose: loader.conf has timeout menu-force")
	}
	p.entry, p.line = &e, e.Options
	return fmt.Sprintf("%s is started by default: %s, of %d", e.File, why, len(entries)), nil
}

// entries reads every entry of systemd-boot's menu. The ESP is new: whatever is
// wrong with one of them was written by this install.
func (p *proof) entries(s sys.System) ([]bls.Entry, error) {
	var list []bls.Entry
	var errs []error
	for _, dir := range []string{"loader/entries", "EFI/Linux"} {
		found, err := p.esp.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, f := range found {
			name := f.Name()
			low := strings.ToLower(name)
			if f.IsDir() || strings.HasPrefix(low, ".") || strings.HasPrefix(low, "auto-") {
				continue
			}
			var e bls.Entry
			switch {
			case dir == "EFI/Linux" && strings.HasSuffix(low, ".efi"):
				e, err = p.unifiedEntry(name)
			case dir != "EFI/Linux" && strings.HasSuffix(low, ".conf"):
				e, err = p.writtenEntry(name)
			default:
				continue
			}
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("entry %s: %w", sys.Clean(name), err))
				continue
			case e.Architecture != "" && !strings.EqualFold(e.Architecture, bootArch[efi.Arch]):
				s.Log(fmt.Sprintf("entry %s is for %s, so systemd-boot hides it", e.File, e.Architecture))
				continue
			case e.Unknown != nil:
				s.Log(fmt.Sprintf("systemd-boot will ignore these fields of %s: %s", e.File, strings.Join(e.Unknown, ", ")))
			}
			list = append(list, e)
		}
	}
	return list, all(errs)
}

// bootArch is how the Boot Loader Specification names architectures.
var bootArch = map[string]string{"amd64": "x64", "arm64": "aa64", "386": "ia32", "riscv64": "riscv64"}

// writtenEntry reads a Type #1 entry; whatever it names must be there.
func (p *proof) writtenEntry(name string) (bls.Entry, error) {
	text, err := p.text("loader/entries/" + name)
	if err != nil {
		return bls.Entry{}, err
	}
	e, err := bls.ParseEntry(name, text)
	if err != nil {
		return e, err
	}
	var errs []error
	for _, file := range append([]string{e.Linux, e.EFI, e.UKI, e.DeviceTree}, e.Initrds...) {
		if file == "" {
			continue
		}
		if _, _, err := p.open(file); err != nil {
			errs = append(errs, err)
		}
	}
	return e, all(errs)
}

// text reads a short file of the ESP.
func (p *proof) text(name string) (string, error) {
	f, size, err := p.open(name)
	if err != nil {
		return "", err
	}
	if size > bls.MaxFile {
		return "", fmt.Errorf("%s has %d bytes", name, size)
	}
	b, err := io.ReadAll(f)
	return string(b), err
}
