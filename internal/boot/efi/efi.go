// Package efi reads the firmware's boot menu: the entry that started this
// session, the boot order, and the partition of each entry. It also reads EFI
// programs.
package efi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

var (
	// ErrNoUEFI: UEFI firmware did not start the kernel.
	ErrNoUEFI = errors.New("this machine was not started in UEFI mode")
	// ErrNoVars: UEFI firmware started the kernel, but its variables are not mounted.
	ErrNoVars = errors.New("the EFI variables are not mounted at /sys/firmware/efi/efivars")
)

// maxVariable is the size limit of a variable, in bytes.
const maxVariable = 64 << 10

// Boot is the firmware's boot menu.
type Boot struct {
	Current    *uint16  `json:"current,omitempty"` // the entry that started this session
	Order      []uint16 `json:"order,omitempty"`
	Entries    []Entry  `json:"entries,omitempty"`    // by number
	SecureBoot *bool    `json:"secureBoot,omitempty"` // nil: unknown
	// LoaderPartUUID is the partition of the boot loader that started this
	// session, if the loader sets it (systemd-boot does).
	LoaderPartUUID string `json:"loaderPartUUID,omitempty"`
	// LoaderDefault and LoaderOneShot name entries that systemd-boot starts
	// in spite of loader.conf, the second only once
	// (systemd.io/BOOT_LOADER_INTERFACE).
	LoaderDefault string `json:"loaderDefault,omitempty"`
	LoaderOneShot string `json:"loaderOneShot,omitempty"`
	// Problems are the variables that could not be read or parsed.
	Problems []string `json:"problems,omitempty"`
}

// Entry is one Boot#### variable.
type Entry struct {
	Number      uint16 `json:"number"`
	Description string `json:"description"`
	Active      bool   `json:"active"`
	// PartUUID is its partition as the kernel writes it: a GUID in lower case,
	// or xxxxxxxx-nn for an MBR. Empty if it boots from something else, such as
	// the network.
	PartUUID string `json:"partUUID,omitempty"`
	Path     string `json:"path,omitempty"` // of the file on the partition, with backslashes
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

// Read reads the variables below root, which is "/" except in tests. The error
// is ErrNoUEFI, ErrNoVars or a failure to list them. A corrupt variable goes to
// Problems and does not hide the others.
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
		known := variables().FindStringSubmatch(f.Name())
		if known == nil {
			continue
		}
		name := known[1] + known[2]
		data, err := variable(filepath.Join(dir, f.Name()))
		if err == nil {
			err = b.take(name, data)
		}
		if err != nil {
			b.Problems = append(b.Problems, fmt.Sprintf("EFI variable %s: %v", name, err))
		}
	}
	slices.SortFunc(b.Entries, func(x, y Entry) int { return int(x.Number) - int(y.Number) })
	return b, nil
}

// variable returns a variable's data. In the file, 4 bytes of attributes precede
// it (kernel: Documentation/filesystems/efivarfs.rst).
func variable(path string) ([]byte, error) {
	b, err := sys.ReadAtMost(path, maxVariable)
	if err == nil && len(b) < 4 {
		err = fmt.Errorf("only %d bytes", len(b))
	}
	if err != nil {
		return nil, err
	}
	return b[4:], nil
}

// variables matches the file names of the variables that matter here: the
// firmware's own (UEFI 2.10 §3.3) and systemd-boot's
// (systemd.io/BOOT_LOADER_INTERFACE), by vendor.
var variables = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:(BootCurrent|BootOrder|SecureBoot|Boot[0-9A-Fa-f]{4})-(?i:8be4df61-93ca-11d2-aa0d-00e098032b8c)` +
		`|(LoaderDevicePartUUID|LoaderEntryDefault|LoaderEntryOneShot)-(?i:4a67b082-0a4c-41cf-b6c7-440b29bb8c4f))$`)
})

// take adds the data of a known variable.
func (b *Boot) take(name string, data []byte) (err error) {
	size := map[string]int{"BootCurrent": 2, "SecureBoot": 1}[name]
	if size > 0 && len(data) != size {
		return fmt.Errorf("%d bytes, not %d", len(data), size)
	}
	switch name {
	case "BootCurrent":
		b.Current = new(binary.LittleEndian.Uint16(data))
	case "SecureBoot":
		b.SecureBoot = new(data[0] == 1)
	case "BootOrder":
		if len(data)%2 != 0 {
			return fmt.Errorf("odd number of bytes (%d)", len(data))
		}
		for ; len(data) > 0; data = data[2:] {
			b.Order = append(b.Order, binary.LittleEndian.Uint16(data))
		}
	case "LoaderDevicePartUUID":
		b.LoaderPartUUID, err = loaderText(data)
	case "LoaderEntryDefault":
		b.LoaderDefault, err = loaderText(data)
	case "LoaderEntryOneShot":
		b.LoaderOneShot, err = loaderText(data)
	default:
		e, err := ParseLoadOption(data)
		if err != nil {
			return err
		}
		number, err := strconv.ParseUint(name[len("Boot"):], 16, 16)
		e.Number = uint16(number)
		b.Entries = append(b.Entries, e)
		return err
	}
	return err
}

func loaderText(data []byte) (string, error) {
	s, _, err := utf16z(data)
	return strings.ToLower(sys.Clean(s)), err
}

// Room is how many bytes of variables the firmware still accepts, less the
// kernel's reserve (Linux, fs/efivarfs/super.c, efivarfs_statfs). It is -1 if
// unknown: before Linux 6.7, and on some firmware.
func Room(root string) int64 {
	var st unix.Statfs_t
	err := unix.Statfs(filepath.Join(root, "sys/firmware/efi/efivars"), &st)
	if err != nil || st.Type != unix.EFIVARFS_MAGIC || st.Blocks == 0 {
		return -1
	}
	return int64(st.Bavail) * st.Bsize
}
