package bootproof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"

	"auto-installer/internal/boot/bls"
	"auto-installer/internal/boot/efi"
	"auto-installer/internal/sys"
)

// menu finds the entry that starts if no key is pressed.
func (p *proof) menu(_ context.Context, s sys.System) (string, error) {
	if _, err := p.esp.ReadDir("loader"); errors.Is(err, fs.ErrNotExist) {
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
	entries, err := p.entries(s)
	if err != nil {
		return "", err
	}
	e, why, err := config.Choose(entries, p.boot.LoaderOneShot, p.boot.LoaderDefault)
	if err != nil {
		return "", err
	}
	if config.Timeout == "menu-force" {
		s.Warn("the boot menu waits for a key: loader.conf has timeout menu-force")
	}
	p.entry, p.line = &e, e.Options
	return fmt.Sprintf("%s starts by default: %s, of %d", e.File, why, len(entries)), nil
}

// entries reads every entry of systemd-boot's menu. The ESP is new, so this
// install wrote every one of them, and every one must be good.
func (p *proof) entries(s sys.System) ([]bls.Entry, error) {
	var list []bls.Entry
	var errs []error
	for _, dir := range []struct {
		name, ext string
		read      func(name string) (bls.Entry, error)
	}{{"loader/entries", ".conf", p.writtenEntry}, {"EFI/Linux", ".efi", p.unifiedEntry}} {
		found, err := p.esp.ReadDir(dir.name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, f := range found {
			low := strings.ToLower(f.Name)
			if f.IsDir || strings.HasPrefix(low, ".") || strings.HasPrefix(low, "auto-") || !strings.HasSuffix(low, dir.ext) {
				continue
			}
			e, err := dir.read(f.Name)
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("entry %s: %w", sys.Clean(f.Name), err))
				continue
			case e.Architecture != "" && !strings.EqualFold(e.Architecture, efi.ArchName(runtime.GOARCH)):
				s.Log(fmt.Sprintf("entry %s is for %s, so systemd-boot hides it", e.File, e.Architecture))
				continue
			}
			list = append(list, e)
		}
	}
	return list, errors.Join(errs...)
}

// writtenEntry reads a Type #1 entry; every file that it names must exist.
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
		if file != "" {
			_, err := p.onESP(file)
			errs = append(errs, err)
		}
	}
	return e, errors.Join(errs...)
}

func (p *proof) unifiedEntry(name string) (bls.Entry, error) {
	i, err := p.program("EFI/Linux/" + name)
	if err != nil {
		return bls.Entry{}, err
	}
	return bls.ParseUnified(name, string(i.Text(".osrel")), string(i.Text(".cmdline")))
}

// text reads a short file of the ESP.
func (p *proof) text(name string) (string, error) {
	f, err := p.onESP(name)
	if err != nil {
		return "", err
	}
	return readText(name, f)
}
