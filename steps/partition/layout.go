// Package partition writes the target's GPT and reads it back.
package partition

import (
	"fmt"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
)

// Partition type GUIDs (UEFI specification 2.10, table 5.7; sgdisk's EF00,
// 8300 and 8200).
const (
	TypeESP   = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	TypeLinux = "0fc63daf-8483-4772-8e79-3d69d8477de4"
	TypeSwap  = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"
)

const (
	// Align is the alignment of every partition's start and end, in bytes.
	Align = 1 << 20
	// ESPSize is the size of the EFI system partition, in bytes.
	ESPSize = 1 << 30
	// MinRoot is the smallest root for a system, in bytes.
	MinRoot = 2 << 30
	// gptEntries is the size of a table of 128 entries, in bytes.
	gptEntries = 128 * 128
)

// Partition is one partition to create. Start and Size are bytes.
type Partition struct {
	Number int    `json:"number"`
	Start  int64  `json:"start"`
	Size   int64  `json:"size"`
	Type   string `json:"type"` // GUID, lower case
	GUID   string `json:"guid"` // PARTUUID, lower case
	Name   string `json:"name"` // the label, at most 36 UTF-16 units
}

// Want is the input of Layout. Root is the name of the second partition: the file system's
// label, or the LUKS container's. A SwapSize of 0 means no swap.
type Want struct {
	DiskSize   int64 // bytes
	SectorSize int64 // logical, bytes
	ESP        string
	Root       string
	Swap       string
	SwapSize   int64     // bytes
	GUIDs      [4]string // of the disk, then of each partition
}

// MinDisk returns the smallest disk for a layout with this much swap, in bytes.
func MinDisk(swap int64) int64 {
	return Align + ESPSize + MinRoot + roundUp(swap) + Align
}

// Layout places the partitions: the ESP first, the swap at the end, and the root between
// them.
func Layout(w Want) ([]Partition, error) {
	if w.SectorSize < 512 || Align%w.SectorSize != 0 {
		return nil, fmt.Errorf("unsupported logical sector size: %d bytes", w.SectorSize)
	}
	if need := MinDisk(w.SwapSize); w.DiskSize < need {
		return nil, sys.Faultf(sys.CodeMachine, "use a larger disk, or a smaller swap.size in the host's definition",
			"the disk is too small: it has %s; the layout needs %s", block.FormatSize(w.DiskSize), block.FormatSize(need))
	}
	// The backup table and header are at the end (UEFI specification 5.3.1).
	end := roundDown(w.DiskSize - roundTo(gptEntries, w.SectorSize) - w.SectorSize)
	root := int64(Align + ESPSize)
	rootEnd := end
	ps := []Partition{
		{Number: 1, Start: Align, Size: ESPSize, Type: TypeESP, GUID: w.GUIDs[1], Name: w.ESP},
		{Number: 2, Start: root, Type: TypeLinux, GUID: w.GUIDs[2], Name: w.Root},
	}
	if w.SwapSize > 0 {
		rootEnd = end - roundUp(w.SwapSize)
		ps = append(ps, Partition{
			Number: 3, Start: rootEnd, Size: end - rootEnd,
			Type: TypeSwap, GUID: w.GUIDs[3], Name: w.Swap,
		})
	}
	ps[1].Size = rootEnd - root
	return ps, nil
}

// script returns the layout in sfdisk's language (sfdisk(8), "Input formats").
func script(o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "label: gpt\nlabel-id: %s\nunit: sectors\n\n", o.DiskGUID)
	for _, p := range o.Partitions {
		fmt.Fprintf(&b, "start=%d, size=%d, type=%s, uuid=%s, name=\"%s\"\n",
			p.Start/o.SectorSize, p.Size/o.SectorSize, p.Type, p.GUID, p.Name)
	}
	return b.String()
}

func roundDown(n int64) int64     { return n / Align * Align }
func roundUp(n int64) int64       { return roundTo(n, Align) }
func roundTo(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
