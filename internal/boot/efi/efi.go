// Package efi reads what the firmware knows of booting: which entry started
// this session, which ones it would try in what order, and which partition
// each of them is on.
package efi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"auto-installer/internal/sys"
)

var (
	// ErrNoUEFI: the kernel was not started by UEFI firmware.
	ErrNoUEFI = errors.New("this machine was not started in UEFI mode")
	// ErrNoVars: it was, but its variables cannot be seen.
	ErrNoVars = errors.New("the EFI variables are not mounted at /sys/firmware/efi/efivars")
)

// Vendors of variables.
const (
	global  = "8be4df61-93ca-11d2-aa0d-00e098032b8c" // UEFI 2.10 §3.3
	systemd = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f" // systemd.io/BOOT_LOADER_INTERFACE
)

// maxVariable bounds what is read of one variable, in bytes.
const maxVariable = 64 << 10

// Boot is the firmware's boot menu.
type Boot struct {
	Current    *uint16  `json:"current,omitempty"` // the entry that started this session
	Order      []uint16 `json:"order,omitempty"`
	Entries    []Entry  `json:"entries,omitempty"`    // by number
	SecureBoot *bool    `json:"secureBoot,omitempty"` // nil: not known
	// LoaderPartUUID is the partition that the boot loader was started from,
	// where the loader says so (systemd-boot does).
	LoaderPartUUID string `json:"loaderPartUUID,omitempty"`
	// LoaderDefault and LoaderOneShot are the entries that systemd-boot starts
	// whatever its loader.conf says, the second only once
	// (systemd.io/BOOT_LOADER_INTERFACE).
	LoaderDefault string `json:"loaderDefault,omitempty"`
	LoaderOneShot string `json:"loaderOneShot,omitempty"`
	// Problems are variables that could not be read or understood.
	Problems []string `json:"problems,omitempty"`
}

// Entry is one Boot#### variable.
type Entry struct {
	Number      uint16 `json:"number"`
	Description string `json:"description"`
	Active      bool   `json:"active"`
	// PartUUID is the partition that it is on, as the kernel writes it: a GUID
	// in lower case, or xxxxxxxx-nn for an MBR. Empty for other things than
	// partitions, such as the network.
	PartUUID   string `json:"partUUID,omitempty"`
	PartNumber uint32 `json:"partNumber,omitempty"`
	Path       string `json:"path,omitempty"` // file on it, with backslashes
}

// Name is the entry's variable, such as Boot0001.
func (e Entry) Name() string { return fmt.Sprintf("Boot%04X", e.Number) }

// Entry returns the entry with this number.
func (b Boot) Entry(number uint16) (Entry, bool) {
	i := slices.IndexFunc(b.Entries, func(e Entry) bool { return e.Number == number })
	if i < 0 {
		return Entry{}, false
	}
	return b.Entries[i], true
}

// Read reads the variables below root, which is "/" but in tests. The error is
// ErrNoUEFI, ErrNoVars or one of listing them; a variable that is corrupt is
// told in Problems and does not hide the others.
func Read(root string) (Boot, error) {
	var b Boot
	firmware := filepath.Join(root, "sys/firmware/efi")
	if _, err := os.Stat(firmware); errors.Is(err, fs.ErrNotExist) {
		return b, ErrNoUEFI
	}
	dir := filepath.Join(firmware, "efivars")
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(files) == 0 {
		return b, ErrNoVars
	}
	if err != nil {
		return b, err
	}
	for _, f := range files {
		name, vendor, _ := strings.Cut(f.Name(), "-")
		if vendor = strings.ToLower(vendor); vendor != global && vendor != systemd || !wanted(name) {
			continue
		}
		data, err := variable(filepath.Join(dir, f.Name()))
		if err == nil {
			err = b.take(name, vendor, data)
		}
		if err != nil {
			b.Problems = append(b.Problems, fmt.Sprintf("EFI variable %s: %v", name, err))
		}
	}
	slices.SortFunc(b.Entries, func(x, y Entry) int { return int(x.Number) - int(y.Number) })
	return b, nil
}

// variable returns a variable's data. What precedes it in the file are 4 bytes
// of attributes (kernel: Documentation/filesystems/efivarfs.rst).
func variable(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxVariable+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxVariable:
		return nil, fmt.Errorf("more than %d bytes", maxVariable)
	case len(b) < 4:
		return nil, fmt.Errorf("only %d bytes", len(b))
	}
	return b[4:], nil
}

func wanted(name string) bool {
	_, isEntry := entryNumber(name)
	return isEntry || slices.Contains([]string{
		"BootCurrent", "BootOrder", "SecureBoot",
		"LoaderDevicePartUUID", "LoaderEntryDefault", "LoaderEntryOneShot",
	}, name)
}

// entryNumber takes Boot001A apart. The four digits tell it from BootOrder.
func entryNumber(name string) (uint16, bool) {
	digits, ok := strings.CutPrefix(name, "Boot")
	if !ok || len(digits) != 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 16)
	return uint16(n), err == nil
}

// take adds what one variable says.
func (b *Boot) take(name, vendor string, data []byte) error {
	if vendor == systemd {
		return b.takeLoader(name, data)
	}
	switch name {
	case "BootCurrent":
		if len(data) != 2 {
			return fmt.Errorf("%d bytes, not 2", len(data))
		}
		current := binary.LittleEndian.Uint16(data)
		b.Current = &current
	case "BootOrder":
		if len(data)%2 != 0 {
			return fmt.Errorf("odd number of bytes (%d)", len(data))
		}
		for ; len(data) > 0; data = data[2:] {
			b.Order = append(b.Order, binary.LittleEndian.Uint16(data))
		}
	case "SecureBoot":
		if len(data) != 1 {
			return fmt.Errorf("%d bytes, not 1", len(data))
		}
		on := data[0] == 1
		b.SecureBoot = &on
	default:
		number, isEntry := entryNumber(name)
		if !isEntry {
			return nil
		}
		e, err := ParseLoadOption(data)
		if err != nil {
			return err
		}
		e.Number = number
		b.Entries = append(b.Entries, e)
	}
	return nil
}

// takeLoader adds what a variable of systemd-boot says, which is text.
func (b *Boot) takeLoader(name string, data []byte) error {
	text, _, err := utf16z(data)
	text = strings.ToLower(sys.Clean(text))
	switch name {
	case "LoaderDevicePartUUID":
		b.LoaderPartUUID = text
	case "LoaderEntryDefault":
		b.LoaderDefault = text
	case "LoaderEntryOneShot":
		b.LoaderOneShot = text
	}
	return err
}
