package bootproof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"auto-installer/steps/internal/bls"
	"auto-installer/steps/internal/efi"
	"auto-installer/steps/internal/fat"
	"auto-installer/steps/internal/sys"
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

func (p *proof) unifiedEntry(name string) (bls.Entry, error) {
	i, err := p.program("EFI/Linux/" + name)
	if err != nil {
		return bls.Entry{}, err
	}
	return bls.ParseUnified(name, string(i.Text(".osrel")), string(i.Text(".cmdline")))
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

// openAny opens a file of the ESP, or, as only GRUB can, of the root.
func (p *proof) openAny(name string) (file, int64, error) {
	f, size, err := p.open(name)
	if err == nil || !p.grub || !errors.Is(err, fs.ErrNotExist) {
		return f, size, err
	}
	return openStore(p.o.Root, "/"+fat.Path(name))
}
