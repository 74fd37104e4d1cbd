// Package partition writes the target's GPT and reads it back.
package partition

import (
	"fmt"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
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
func Layout(w Want) ([]gpt.Partition, error) {
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
	ps := []gpt.Partition{
		{Number: 1, Start: Align, Size: ESPSize, Type: gpt.TypeESP, GUID: w.GUIDs[1], Name: w.ESP},
		{Number: 2, Start: root, Type: gpt.TypeLinux, GUID: w.GUIDs[2], Name: w.Root},
	}
	if w.SwapSize > 0 {
		rootEnd = end - roundUp(w.SwapSize)
		ps = append(ps, gpt.Partition{Number: 3, Start: rootEnd, Size: end - rootEnd, Type: gpt.TypeSwap, GUID: w.GUIDs[3], Name: w.Swap})
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
