package block

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Identity recognizes a disk that was chosen earlier.
type Identity struct {
	Path          string `json:"path"`
	WWN           string `json:"wwn,omitempty"`
	Serial        string `json:"serial,omitempty"`
	Model         string `json:"model,omitempty"`
	Size          int64  `json:"size"`          // bytes
	LogicalSector int    `json:"logicalSector"` // bytes
	PTUUID        string `json:"ptUUID,omitempty"`
	DevNo         string `json:"devNo"`
	// DiskSeq changes when the machine restarts or the disk is plugged in again,
	// see Lasting.
	DiskSeq uint64 `json:"diskSeq,omitempty"`
}

func IdentityOf(d Device) Identity {
	return Identity{
		Path: d.Path, WWN: d.WWN, Serial: d.Serial, Model: d.Model, Size: d.Size,
		LogicalSector: d.LogicalSector, PTUUID: d.PTUUID, DevNo: d.DevNo, DiskSeq: d.DiskSeq,
	}
}

// Lasting is the identity to keep over a restart.
func (id Identity) Lasting() Identity {
	id.DiskSeq = 0
	return id
}

// Same reports whether other is the same disk with the same partition table,
// and if not, why. WWN and serial number must match if either disk has one;
// then the path may change. Without them, path and device number must match. A
// disk that was plugged in later is another one, even if it looks the same.
func (id Identity) Same(other Identity) (same bool, why string) {
	type value struct{ what, was, is string }
	values := []value{
		{"WWN", id.WWN, other.WWN},
		{"serial number", id.Serial, other.Serial},
		{"model", id.Model, other.Model},
		{"size", fmt.Sprintf("%d bytes", id.Size), fmt.Sprintf("%d bytes", other.Size)},
		{"sector size", fmt.Sprint(id.LogicalSector), fmt.Sprint(other.LogicalSector)},
		{"partition table", id.PTUUID, other.PTUUID},
	}
	if id.WWN == "" && id.Serial == "" {
		values = append(values, value{"path", id.Path, other.Path}, value{"device number", id.DevNo, other.DevNo})
	}
	for _, v := range values {
		if v.was != v.is {
			return false, fmt.Sprintf("its %s was %s and is %s now", v.what, cmp.Or(v.was, "none"), cmp.Or(v.is, "none"))
		}
	}
	if id.DiskSeq != other.DiskSeq && id.DiskSeq != 0 && other.DiskSeq != 0 {
		return false, "another disk was attached in its place"
	}
	return true, ""
}

// SameDisk reports whether two devices are paths to one disk: they have the same
// WWN, and nothing contradicts it. Cheap bridges give all their disks one WWN or
// one serial number, so neither is enough if the other differs.
func SameDisk(a, b Device) bool {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	wwn := tellingWWN(a.WWN)
	return a.Name != b.Name && a.Type == TypeDisk && b.Type == TypeDisk && a.Size == b.Size && a.LogicalSector == b.LogicalSector &&
		wwn != "" && wwn == tellingWWN(b.WWN) && !differ(tellingSerial(a.Serial), tellingSerial(b.Serial)) && !differ(a.Model, b.Model)
}

// WithoutOtherPaths lists the devices except the other paths to a disk.
func (inv *Inventory) WithoutOtherPaths(to Device) []Device {
	return slices.DeleteFunc(slices.Clone(inv.Devices), func(d Device) bool { return SameDisk(d, to) })
}

// tellingWWN is a WWN in one form, or "" if it identifies no disk: a placeholder,
// or a manufacturer's number (NAA 5 and EUI-64: 24 bits after the type) with a
// placeholder behind it.
func tellingWWN(wwn string) string {
	kind, form := cutWWN(wwn)
	digits := strings.ReplaceAll(form, "-", "")
	const maker = 6 // hexadecimal digits
	switch {
	case isPlaceholder(digits):
		return ""
	case kind == "eui." && len(digits) == 16 && isPlaceholder(digits[maker:]),
		(kind == "0x" || kind == "naa.") && len(digits) == 16 && digits[0] == '5' && isPlaceholder(digits[1+maker:]):
		return ""
	}
	return form
}

// cutWWN splits a WWN into its kind, if it is a known one, and the rest.
func cutWWN(wwn string) (kind, rest string) {
	wwn = strings.ToLower(strings.TrimSpace(wwn))
	for _, kind := range []string{"0x", "naa.", "eui.", "uuid.", "nvme."} {
		if rest, ok := strings.CutPrefix(wwn, kind); ok {
			return kind, rest
		}
	}
	return "", wwn
}

// tellingSerial is a serial number in one form, or "" if it is a placeholder.
func tellingSerial(serial string) string {
	form := strings.ToLower(serialForm(serial))
	if isPlaceholder(strings.ReplaceAll(form, "_", "")) || slices.Contains(noSerials, form) {
		return ""
	}
	return form
}

// noSerials are what manufacturers and hypervisors write in place of a serial
// number.
var noSerials = []string{
	"none", "n/a", "na", "null", "unknown", "default", "default_string", "serial", "serial_number", "not_specified", "not_available",
	"to_be_filled_by_o.e.m.", "qemu_harddisk", "vbox_harddisk", "virtual_disk", "vmware_virtual_s", "vmware_nvme_0000", "msft_virtual_disk",
}

// isPlaceholder reports whether text is empty, one character repeated, zeros with
// one other character at an end, or a count (0123456789ABCDEF).
func isPlaceholder(text string) bool {
	text = strings.ToLower(text)
	if strings.Trim(text, "0") == "" || len(text) >= 4 && (strings.Trim(text, text[:1]) == "" || len(strings.Trim(text, "0")) == 1) {
		return true
	}
	const count = "0123456789abcdef0123456789abcdef"
	tens := strings.Repeat("1234567890", 4)
	return len(text) >= 8 && (strings.Contains(count, text) || strings.Contains(tens, text))
}

// Find returns the one device that matches an identity. The error says why
// no device matches, or that several do.
func (inv *Inventory) Find(id Identity) (Device, error) {
	var same []Device
	why := "it is gone"
	for _, d := range inv.Devices {
		ok, reason := id.Same(IdentityOf(d))
		switch {
		case ok:
			same = append(same, d)
		case d.Path == id.Path:
			why = reason
		}
	}
	if len(same) > 1 { // cheap adapters give every disk one serial number
		same = slices.DeleteFunc(same, func(d Device) bool { return d.Path != id.Path || d.DevNo != id.DevNo })
		why = "several disks have the same serial number and size"
	}
	if len(same) != 1 {
		return Device{}, fmt.Errorf("%s is not the disk that was chosen: %s", id.Path, why)
	}
	return same[0], nil
}
