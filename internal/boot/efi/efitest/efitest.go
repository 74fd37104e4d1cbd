// Package efitest makes EFI programs for tests.
package efitest

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
)

// Section is a named part of a program.
type Section struct {
	Name string
	Data []byte
}

// Program is an EFI program for a machine (debug/pe's constants) with these
// sections. It cannot run.
func Program(machine uint16, sections ...Section) []byte {
	if len(sections) == 0 {
		sections = []Section{{".text", []byte("code")}}
	}
	const align, dos = 512, 0x80
	head := make([]byte, dos)
	copy(head, "MZ")
	head[0x3c] = dos
	var b bytes.Buffer
	b.Write(head)
	b.WriteString("PE\x00\x00")
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // to memory
	put(pe.FileHeader{Machine: machine, NumberOfSections: uint16(len(sections)), SizeOfOptionalHeader: 240, Characteristics: 0x22})
	put(pe.OptionalHeader64{
		Magic: 0x20b, AddressOfEntryPoint: 0x1000, SectionAlignment: 0x1000, FileAlignment: align,
		Subsystem: pe.IMAGE_SUBSYSTEM_EFI_APPLICATION, NumberOfRvaAndSizes: 16,
	})
	at := (b.Len() + len(sections)*40 + align - 1) / align * align
	first := at
	for _, s := range sections {
		raw := (len(s.Data) + align - 1) / align * align
		h := pe.SectionHeader32{
			VirtualSize: uint32(len(s.Data)), SizeOfRawData: uint32(raw), PointerToRawData: uint32(at), VirtualAddress: uint32(at),
		}
		copy(h.Name[:], s.Name)
		put(h)
		at += raw
	}
	b.Write(make([]byte, first-b.Len()))
	for _, s := range sections {
		b.Write(s.Data)
		b.Write(make([]byte, (len(s.Data)+align-1)/align*align-len(s.Data)))
	}
	return b.Bytes()
}

// Magic is the section with the name of a systemd program.
func Magic(name string) Section {
	return Section{".sdmagic", []byte("#### LoaderInfo: " + name + " ####\x00")}
}
