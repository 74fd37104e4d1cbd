package efi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"

	"auto-installer/internal/sys"
)

var errShort = errors.New("ends too early")

// ParseLoadOption reads an EFI_LOAD_OPTION (UEFI 2.10 §3.1.3), the data of a
// Boot#### variable. It does not contain the entry's number.
func ParseLoadOption(b []byte) (Entry, error) {
	if len(b) < 6 {
		return Entry{}, errShort
	}
	const active = 1 // LOAD_OPTION_ACTIVE
	e := Entry{Active: binary.LittleEndian.Uint32(b)&active != 0}
	pathLen := int(binary.LittleEndian.Uint16(b[4:]))
	description, rest, err := utf16z(b[6:])
	if err != nil {
		return Entry{}, fmt.Errorf("description: %w", err)
	}
	if pathLen > len(rest) {
		return Entry{}, fmt.Errorf("device path: %w", errShort)
	}
	e.Description = sys.Clean(description)
	if err := e.devicePath(rest[:pathLen]); err != nil {
		return Entry{}, fmt.Errorf("device path: %w", err)
	}
	return e, nil
}

// Device path nodes (UEFI 2.10 §10.3.1, §10.3.5).
const (
	mediaType     = 0x04
	hardDrive     = 0x01
	filePath      = 0x04
	endType       = 0x7f
	hardDriveSize = 42
)

// devicePath reads the partition and the file of the first path in the list.
func (e *Entry) devicePath(b []byte) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errShort
		}
		length := int(binary.LittleEndian.Uint16(b[2:]))
		if length < 4 || length > len(b) {
			return fmt.Errorf("node of %d bytes in %d", length, len(b))
		}
		node := b[:length]
		b = b[length:]
		switch {
		case node[0] == endType:
			return nil
		case node[0] == mediaType && node[1] == hardDrive:
			if err := e.hardDrive(node); err != nil {
				return err
			}
		case node[0] == mediaType && node[1] == filePath:
			text, _, err := utf16z(node[4:])
			if err != nil && !errors.Is(err, errShort) {
				return err
			}
			e.Path += sys.Clean(text)
		}
	}
	return nil
}

// hardDrive reads a hard drive node (UEFI 2.10 §10.3.5.1).
func (e *Entry) hardDrive(node []byte) error {
	if len(node) < hardDriveSize {
		return fmt.Errorf("hard drive node of %d bytes, not %d", len(node), hardDriveSize)
	}
	const signatureMBR, signatureGUID = 1, 2
	signature := node[24:40]
	switch node[41] {
	case signatureMBR:
		// The kernel's PARTUUID of an MBR partition (block/partitions/msdos.c).
		e.PartUUID = fmt.Sprintf("%08x-%02x", binary.LittleEndian.Uint32(signature), binary.LittleEndian.Uint32(node[4:]))
	case signatureGUID:
		e.PartUUID = GUID(signature)
	}
	return nil
}

// GUID formats the 16 bytes of an EFI_GUID. Its first three fields are little
// endian (UEFI 2.10 appendix A).
func GUID(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

// utf16z reads little-endian UTF-16 up to a NUL, and returns the bytes behind it.
// Without a NUL, the error is errShort and the text is all of it.
func utf16z(b []byte) (text string, rest []byte, err error) {
	var units []uint16
	for len(b) >= 2 {
		u := binary.LittleEndian.Uint16(b)
		b = b[2:]
		if u == 0 {
			return string(utf16.Decode(units)), b, nil
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), b, errShort
}
