package steps

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/contract"
)

// Verdict is a block device, and whether it may be installed to.
type Verdict = choice.Verdict

// Disk is the disk to install to.
type Disk struct {
	Path          string
	Size          int64 // bytes
	LogicalSector int   // bytes
	IsImage       bool  // a file: good for a dry run only

	byID     string // path in /dev/disk/by-id, or empty
	identity block.Identity
	holds    string // what is on it, in words
	labels   string // of file systems and partitions on it, a line each
}

// Disks looks at every block device of the machine and ranks them.
func Disks(ctx context.Context) ([]Verdict, error) {
	inv, err := block.Survey(ctx, sys.Looking(), "/")
	if err != nil {
		return nil, err
	}
	return choice.Rank(inv), nil
}

// DiskTable renders verdicts as text of at most width columns.
func DiskTable(vs []Verdict, width int) string { return choice.Table(vs, width) }

// ChooseDisk finds the disk to install to. want is what the operator named: a
// path of any kind, or empty to choose by rank. A disk image is taken if it is
// named, but only a plan can be made for it. The error is an *Error.
func ChooseDisk(ctx context.Context, want string) (Disk, error) {
	found, err := choice.Run(ctx, sys.Looking(), choice.Options{Want: want})
	if err != nil {
		return Disk{}, engine.NewError("", err)
	}
	d := diskOf(found.Chosen.Device)
	d.holds = strings.Join(found.Chosen.Holds, ", ")
	return d, nil
}

func diskOf(d block.Device) Disk {
	disk := Disk{
		Path: d.Path, Size: d.Size, LogicalSector: d.LogicalSector,
		IsImage: d.Type == block.TypeFile, byID: d.ByID, identity: block.IdentityOf(d),
	}
	for _, b := range d.Below() {
		disk.labels += b.Label + "\n" + b.PartLabel + "\n"
	}
	return disk
}

// Unattendable checks that nobody would be surprised by an install to the
// disk, of which named is the name that was given for it, or empty. The error
// is an *Error.
//
// A machine whose firmware starts the medium again after the install must not
// start over by itself: what has the host's own root on it is left alone.
func (a Answers) Unattendable(named string) error {
	root := a.Host.Labels.Root
	if a.Host.LUKS.Enable {
		root = a.Host.Labels.LUKS
	}
	switch {
	case slices.Contains(strings.Split(a.Disk.labels, "\n"), root):
		return engine.NewError("", sys.Faultf(sys.CodeDisk, "take the medium out to start it; to install anew, do it attended (--confirm yes), or blank the disk",
			"%s holds %s: %s is installed there already, or was begun", a.Disk.Path, root, a.Host.TargetHost))
	case a.Disk.holds != "" && !strings.HasPrefix(filepath.Clean(named), "/dev/disk/by-id/"):
		return engine.NewError("", sys.Faultf(sys.CodeDisk, "name it if it may be erased: --disk "+a.Disk.stablePath(),
			"%s holds data, and is not named by /dev/disk/by-id: %s", a.Disk.Path, a.Disk.holds))
	}
	return nil
}

// stablePath names the disk so that it is the same one after a restart.
func (d Disk) stablePath() string {
	if d.byID != "" {
		return d.byID
	}
	return d.Path
}

// refusal tells why a disk may not be written to, or is empty. Which of its
// paths was chosen does not matter.
func refusal(inv *block.Inventory, path string) string {
	for _, v := range choice.Rank(inv) {
		if v.Device.Path == path && v.PathTo != "" {
			return ""
		}
		if v.Device.Path == path {
			return v.Refused
		}
	}
	return "it is not there"
}

// carriers tells which other disks carry one of the labels.
func carriers(inv *block.Inventory, disk block.Identity, labels []string) []contract.Carrier {
	dev, err := inv.Find(disk)
	if err != nil {
		return nil // the gate will say so
	}
	var found []contract.Carrier
	for _, c := range choice.CarriesLabel(inv, dev, labels) {
		found = append(found, contract.Carrier{Where: c.String(), Label: c.Label, Partition: c.Kind == "partition label"})
	}
	return found
}
