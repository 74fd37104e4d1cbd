package efi

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"auto-installer/internal/boot/efi/efitest"
)

func TestReadImage(t *testing.T) {
	uki := efitest.Program(pe.IMAGE_FILE_MACHINE_AMD64,
		efitest.Magic("systemd-stub 257.9"), efitest.Section{Name: ".cmdline", Data: []byte("init=/i quiet")},
		efitest.Section{Name: ".linux", Data: bytes.Repeat([]byte("k"), 1000)},
		efitest.Section{Name: ".profile", Data: []byte("ID=other")}, efitest.Section{Name: ".initrd", Data: []byte("of the other")})
	i, err := ReadImage(bytes.NewReader(uki), int64(len(uki)))
	if err != nil {
		t.Fatal(err)
	}
	if i.Arch != "amd64" || i.Signed || i.Loader != "systemd-stub 257.9" || !i.Unified() || string(i.Text(".cmdline")) != "init=/i quiet" {
		t.Errorf("%+v, %q", i, i.Text(".cmdline"))
	}
	if i.Section(".initrd") != nil || i.Text(".none") != nil {
		t.Error("a section of another profile is taken")
	}
	if b, err := io.ReadAll(i.Section(".linux")); err != nil || len(b) != 1000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}

	whole := efitest.Program(pe.IMAGE_FILE_MACHINE_AMD64)
	change := func(at int, b ...byte) []byte {
		c := bytes.Clone(whole)
		copy(c[at:], b)
		return c
	}
	const optional = 0x80 + 4 + 20
	for _, c := range []struct {
		name string
		b    []byte
		bad  string
	}{
		{"empty", nil, "does not begin with MZ"},
		{"text", []byte("hello, this is not a program at all"), "does not begin with MZ"},
		{"only MZ", []byte("MZ"), "EOF"},
		{"no PE signature", change(0x80, 'X'), "invalid PE file signature"},
		{"headers past the end", change(0x3c, 0xff, 0xff, 0xff, 0x7f), ""},
		{"cut in the headers", whole[:0x100], ""},
		{"cut in a section", whole[:len(whole)-1], "cut short"},
		{"a Windows program", change(optional+68, 3), "its subsystem is 3"},
		{"for 32-bit ARM", change(0x84, 0xc4, 0x01), "machine of type 0x1c4"},
		{"for nothing", change(0x84, 0x34, 0x12), ""},
		{"signature past the end", change(optional+112+4*8, 0, 0, 0, 0x10, 8), "its signature ends"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ReadImage(bytes.NewReader(c.b), int64(len(c.b))); !errors.Is(err, ErrNotProgram) || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%v", err)
			}
		})
	}
	signed := change(optional+112+4*8, 8, 0, 0, 0, 8)
	if i, err := ReadImage(bytes.NewReader(signed), int64(len(signed))); err != nil || !i.Signed || i.Unified() {
		t.Errorf("%+v, %v", i, err)
	}
	arm := efitest.Program(pe.IMAGE_FILE_MACHINE_ARM64)
	if i, err := ReadImage(bytes.NewReader(arm), int64(len(arm))); err != nil || i.Arch != "arm64" {
		t.Errorf("%+v, %v", i, err)
	}
	if Removable("amd64") != "EFI/BOOT/BOOTX64.EFI" || Removable("arm64") != "EFI/BOOT/BOOTAA64.EFI" || ArchName("mips") != "" {
		t.Error("the removable path is wrong")
	}
}

func FuzzReadImage(f *testing.F) {
	f.Add(efitest.Program(pe.IMAGE_FILE_MACHINE_AMD64))
	f.Add(efitest.Program(pe.IMAGE_FILE_MACHINE_AMD64, efitest.Magic("systemd-boot 257"), efitest.Section{Name: ".cmdline", Data: []byte("a")}))
	f.Add(binary.LittleEndian.AppendUint32([]byte("MZ"), 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := ReadImage(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, s := range i.sections {
			if r := i.Section(s.Name); r != nil && r.Size() > int64(len(b)) {
				t.Fatalf("section %q has %d bytes of %d", s.Name, r.Size(), len(b))
			}
			i.Text(s.Name)
		}
	})
}
