package partition

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says which table is written to which disk.
type Options struct {
	Disk       string // device path
	SectorSize int64  // logical, bytes
	DiskGUID   string
	Partitions []gpt.Partition
	Held       Held // the disk, as the gate holds it
}

// Held is the disk that the gate has opened exclusively: *block.Held.
type Held interface {
	// Reread makes the kernel read the table.
	Reread(ctx context.Context) error
	// HandOver holds each partition in place of the whole disk. The kernel must know
	// exactly these partitions.
	HandOver(ctx context.Context, want []gpt.Partition) error
}

// Ops write the table, and verify that two independent readers, sfdisk and go-diskfs, see
// exactly that table. A resume only verifies.
func Ops(o Options) []engine.Op {
	return []engine.Op{
		engine.Run(sys.Cmd{
			Does: "write the partition table",
			Argv: []string{
				// The gate's descriptor holds and locks the disk, so the kernel reads the
				// table only through it.
				"sfdisk", "--wipe", "always", "--wipe-partitions", "always", "--no-reread", "--no-tell-kernel", "--lock=no", o.Disk,
			},
			Stdin: []byte(script(o)),
		}).Doing("writing the partition table").Hint(sys.CodeWritten, "the disk may be in use or failing; see the log above, then run the install again").Once(),
		engine.Do("make the kernel read the table through the descriptor that holds the disk", o.reread).Once(),
		engine.Do("hold each partition in place of the whole disk, and verify that nothing else uses them",
			func(ctx context.Context, _ sys.System) error { return o.Held.HandOver(ctx, o.Partitions) }),
		engine.Run(sys.Cmd{Does: "wait for the partitions to appear", Argv: []string{"udevadm", "settle"}}),
		engine.Read(sys.Cmd{Does: "read the table back", Argv: []string{"sfdisk", "--json", o.Disk}}, o.verify),
	}
}

func (o Options) reread(ctx context.Context, _ sys.System) error {
	if err := o.Held.Reread(ctx); err != nil {
		return sys.WithHint(err, sys.CodeWritten, "reboot the machine, then run the install again", "after writing the partition table")
	}
	return nil
}

// verify compares the plan with what sfdisk prints, and with what is on the disk.
func (o Options) verify(s sys.System, dump []byte) error {
	seen, err := parseDump(dump)
	if err == nil {
		err = compare(o, seen, "the table that sfdisk prints")
	}
	if err != nil {
		return mismatch(err)
	}
	seen, _, err = gpt.ReadFile(o.Disk)
	if err == nil {
		err = compare(o, seen, "the table on the disk")
	}
	if err != nil {
		return mismatch(err)
	}
	s.Log(fmt.Sprintf("%d partitions read back as planned", len(seen.Partitions)))
	return nil
}

func mismatch(err error) error {
	return sys.WithHint(err, sys.CodeWritten, "the disk does not keep what is written to it; try another disk",
		"reading the partition table back")
}

// parseDump reads the output of sfdisk --json (util-linux, disk-utils/sfdisk.c). Its sizes
// are in sectors.
func parseDump(data []byte) (*gpt.Table, error) {
	var d struct {
		PartitionTable struct {
			Label      string
			ID         string
			SectorSize int64
			Partitions []struct {
				Node        string
				Start, Size int64
				Type, UUID  string
				Name        string
			}
		}
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("invalid output of sfdisk: %w", err)
	}
	t := d.PartitionTable
	if t.Label != "gpt" {
		return nil, fmt.Errorf("sfdisk reports a table of type %q, not gpt", t.Label)
	}
	if t.SectorSize == 0 {
		t.SectorSize = 512
	}
	seen := &gpt.Table{DiskGUID: strings.ToLower(t.ID)}
	for i, p := range t.Partitions {
		seen.Partitions = append(seen.Partitions, gpt.Partition{
			Number: i + 1, Start: p.Start * t.SectorSize, Size: p.Size * t.SectorSize,
			Type: strings.ToLower(p.Type), GUID: strings.ToLower(p.UUID), Name: p.Name,
		})
	}
	return seen, nil
}

func compare(o Options, seen *gpt.Table, who string) error {
	if seen.DiskGUID != o.DiskGUID || !slices.Equal(seen.Partitions, o.Partitions) {
		return fmt.Errorf("mismatch: %s has the GUID %s and %+v; the installer wrote the GUID %s and %+v",
			who, seen.DiskGUID, seen.Partitions, o.DiskGUID, o.Partitions)
	}
	return nil
}
