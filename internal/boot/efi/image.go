package efi

import (
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Image is an EFI program.
type Image struct {
	Arch   string // as Go names it: amd64, arm64
	Signed bool   // it carries a signature, by any signer
	// Loader is the name and version of systemd-boot or systemd-stub, such as
	// "systemd-boot 257.9", or empty.
	Loader   string
	sections []*pe.Section
}

// ErrNotProgram: not an EFI program, or only a part of one.
var ErrNotProgram = errors.New("not an EFI program")

// arches are the processors of PE images (Microsoft PE format, "Machine types"), and
// their names in UEFI (UEFI 2.10 table 3.2) and in boot entries (UAPI.1).
var arches = map[uint16]struct{ goarch, name string }{
	pe.IMAGE_FILE_MACHINE_AMD64:   {"amd64", "X64"},
	pe.IMAGE_FILE_MACHINE_ARM64:   {"arm64", "AA64"},
	pe.IMAGE_FILE_MACHINE_I386:    {"386", "IA32"},
	pe.IMAGE_FILE_MACHINE_RISCV64: {"riscv64", "RISCV64"},
}

// ArchName is what UEFI calls an architecture, or empty.
func ArchName(goarch string) string {
	for _, a := range arches {
		if a.goarch == goarch {
			return a.name
		}
	}
	return ""
}

// Removable is the path that firmware of an architecture starts on a disk without a boot
// entry (UEFI 2.10 §3.5.1.1).
func Removable(goarch string) string { return "EFI/BOOT/BOOT" + ArchName(goarch) + ".EFI" }

// maxSection is the size limit of Text, in bytes.
const maxSection = 64 << 10

// magic is how systemd's loader and stub name themselves.
var magic = regexp.MustCompile(`^#### LoaderInfo: ([ -~]{1,60}?) ####`)

// ReadImage reads the headers of a program of size bytes and checks that the
// file is as long as they claim. The error wraps ErrNotProgram, or reports a
// failed read.
func ReadImage(r io.ReaderAt, size int64) (Image, error) {
	bad := func(format string, args ...any) (Image, error) {
		return Image{}, fmt.Errorf("%w: %s", ErrNotProgram, fmt.Sprintf(format, args...))
	}
	head := make([]byte, 2)
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return Image{}, err
	}
	if string(head) != "MZ" {
		return bad("it does not begin with MZ")
	}
	f, err := pe.NewFile(io.NewSectionReader(r, 0, size))
	if err != nil {
		return bad("%v", err)
	}
	var subsystem uint16
	var certificates pe.DataDirectory
	const certificateTable = 4
	switch h := f.OptionalHeader.(type) {
	case *pe.OptionalHeader64:
		subsystem, certificates = h.Subsystem, h.DataDirectory[certificateTable]
	case *pe.OptionalHeader32:
		subsystem, certificates = h.Subsystem, h.DataDirectory[certificateTable]
	default:
		return bad("it has no optional header")
	}
	arch, known := arches[f.Machine]
	switch {
	case subsystem != pe.IMAGE_SUBSYSTEM_EFI_APPLICATION:
		return bad("its subsystem is %d", subsystem)
	case !known:
		return bad("it is for a machine of type %#x", f.Machine)
	case len(f.Sections) == 0:
		return bad("it has no sections")
	}
	for _, s := range f.Sections {
		if end := int64(s.Offset) + int64(s.Size); s.Size > 0 && end > size {
			return bad("it is cut short: section %q ends at byte %d of %d", s.Name, end, size)
		}
	}
	// The certificates' address is an offset in the file.
	if end := int64(certificates.VirtualAddress) + int64(certificates.Size); end > size {
		return bad("it is cut short: its signature ends at byte %d of %d", end, size)
	}
	i := Image{Arch: arch.goarch, Signed: certificates.Size > 0, sections: f.Sections}
	if m := magic.FindSubmatch(i.Text(".sdmagic")); m != nil {
		i.Loader = string(m[1])
	}
	return i, nil
}

// Section is a section of the base profile of a unified kernel image (UAPI.5),
// or nil.
func (i Image) Section(name string) *io.SectionReader {
	for _, s := range i.sections {
		switch s.Name {
		case ".profile": // the rest belongs to other profiles
			return nil
		case name:
			size := s.Size
			if s.VirtualSize > 0 && s.VirtualSize < size { // the file pads it
				size = s.VirtualSize
			}
			return io.NewSectionReader(s, 0, int64(size))
		}
	}
	return nil
}

// Text is the contents of a short section, or nil.
func (i Image) Text(name string) []byte {
	s := i.Section(name)
	if s == nil || s.Size() > maxSection {
		return nil
	}
	b, err := io.ReadAll(s)
	if err != nil {
		return nil
	}
	return b
}

// CommandLine is the kernel's command line in a unified kernel image.
func (i Image) CommandLine() string {
	return strings.Trim(string(i.Text(".cmdline")), " \t\r\n\x00")
}

// Unified reports whether it is a unified kernel image: a kernel with all that
// it needs in one file.
func (i Image) Unified() bool { return i.Section(".linux") != nil }
