// Package block lists the block devices, what is on them and what uses them:
// above all, which of them the running system needs. It claims the target disk
// for the install (Held).
package block

import (
	"fmt"
	"slices"
	"strings"

	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/gpt"
)

// Inventory is the result of Survey.
type Inventory struct {
	// Devices are all devices but partitions, each once, in lsblk's order:
	// disks, loop devices, md arrays, LVM volumes and so on.
	Devices []Device `json:"devices"`
	// Boot is the firmware's boot menu, empty without UEFI.
	Boot efi.Boot `json:"boot"`
}

// Device is one block device, a partition included.
type Device struct {
	Name  string `json:"name"`  // the kernel's: sda1, dm-0
	Path  string `json:"path"`  // /dev/sda1, /dev/mapper/vg-root
	DevNo string `json:"devNo"` // major:minor, 259:0
	// DiskSeq is the kernel's sequence number of the disk, unique until the
	// next boot; 0 for a partition, and before Linux 5.15.
	DiskSeq uint64 `json:"diskSeq,omitempty"`
	// Type is lsblk's: disk, part, rom, loop, crypt, lvm, raid1, mpath, dm...
	// or "file" for an image file.
	Type           string `json:"type"`
	Size           int64  `json:"size"`           // bytes
	LogicalSector  int    `json:"logicalSector"`  // bytes
	PhysicalSector int    `json:"physicalSector"` // bytes
	ReadOnly       bool   `json:"readOnly"`
	Removable      bool   `json:"removable"`           // the medium can be taken out
	Hotplug        bool   `json:"hotplug"`             // the device itself can
	Transport      string `json:"transport,omitempty"` // lsblk's, or TransportCard
	Model          string `json:"model,omitempty"`
	Serial         string `json:"serial,omitempty"`
	WWN            string `json:"wwn,omitempty"`
	ByID           string `json:"byID,omitempty"` // /dev/disk/by-id/...

	PTType string `json:"ptType,omitempty"` // gpt, dos
	PTUUID string `json:"ptUUID,omitempty"`
	FSType string `json:"fsType,omitempty"` // or other signature, as blkid names it
	Label  string `json:"label,omitempty"`
	UUID   string `json:"uuid,omitempty"`

	// Content is for a disk without partitions and signature: empty if it seems
	// to be blank, or ContentUnknown or ContentUnreadable.
	Content string `json:"content,omitempty"`

	// Only for a partition.
	Number    int    `json:"number,omitempty"`
	Start     int64  `json:"start,omitempty"` // bytes
	PartUUID  string `json:"partUUID,omitempty"`
	PartType  string `json:"partType,omitempty"`
	PartLabel string `json:"partLabel,omitempty"`

	Mountpoints []string `json:"mountpoints,omitempty"`
	Swap        bool     `json:"swap,omitempty"` // in use as swap
	// Live are the mount points of the running system that need it.
	Live []string `json:"live,omitempty"`
	// Holders are the kernel names of devices that use it (sysfs), or words.
	Holders []string `json:"holders,omitempty"`
	// Slaves are the kernel names of devices that it consists of (sysfs).
	Slaves []string `json:"slaves,omitempty"`
	// Virtual: it has no hardware (sysfs).
	Virtual bool `json:"virtual,omitempty"`
	// BackingFile is the file of a loop device.
	BackingFile string `json:"backingFile,omitempty"`

	Partitions []Device `json:"partitions,omitempty"`
	Children   []Device `json:"children,omitempty"` // such as mappers and arrays
}

const (
	TypeDisk = "disk"
	TypePart = "part"
	TypeFile = "file"
)

// TransportCard is the transport of a memory card in a slot. lsblk does not
// distinguish cards from soldered memory.
const TransportCard = "card"

// IsESP reports whether a partition is an EFI system partition: by its GPT type, or by
// that of an MBR.
func (d Device) IsESP() bool { return d.PartType == gpt.TypeESP || d.PartType == "0xef" }

// Is reports whether path is one of the device's two names. Resolve links first,
// see Resolve.
func (d Device) Is(path string) bool {
	return path != "" && (path == d.Path || path == "/dev/"+d.Name)
}

// Below lists the device and all its descendants, each once.
func (d Device) Below() []Device {
	seen := map[string]bool{}
	var all []Device
	var walk func(Device)
	walk = func(d Device) {
		if seen[d.Name] {
			return
		}
		seen[d.Name] = true
		all = append(all, d)
		for _, c := range slices.Concat(d.Partitions, d.Children) {
			walk(c)
		}
	}
	walk(d)
	return all
}

// PartitionPath is the path of partition n of a disk. The kernel
// (block/partitions/core.c) puts a p between if the disk's name ends in a
// digit.
func PartitionPath(disk string, n int) string {
	if disk != "" && disk[len(disk)-1] >= '0' && disk[len(disk)-1] <= '9' {
		return fmt.Sprintf("%sp%d", disk, n)
	}
	return fmt.Sprintf("%s%d", disk, n)
}

// FormatSize formats bytes in binary units: 465.8 GiB.
func FormatSize(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	size, unit := float64(bytes), 0
	for size >= 1023.95 && unit < len(units)-1 {
		size, unit = size/1024, unit+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", size), ".0") + " " + units[unit]
}
