package steps

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/sys"
)

// Verdict is a block device with the reason why it is refused, if it is.
type Verdict = choice.Verdict

// Disk is the target disk.
type Disk struct {
	Path          string
	Size          int64 // bytes
	LogicalSector int   // bytes
	IsImage       bool  // a file, for `plan` only

	byID     string // path in /dev/disk/by-id, or empty
	identity block.Identity
	holds    string // what is on it, in words
	labels   string // its file system and partition labels, one a line
}

// Disks surveys and ranks every block device of the machine.
func Disks(ctx context.Context) ([]Verdict, error) {
	inv, err := block.Survey(ctx, sys.Looking(), "/")
	if err != nil {
		return nil, err
	}
	return choice.Rank(inv), nil
}

// ChooseDisk finds the target disk. want is any path of it, or empty to choose by rank. It
// may name a disk image, which can be planned for but not installed to.
func ChooseDisk(ctx context.Context, want string) (Disk, error) {
	found, err := choice.Run(ctx, sys.Looking(), "/", want)
	if err != nil {
		return Disk{}, err
	}
	return DiskOf(found.Chosen), nil
}

// DiskOf returns the disk of a verdict.
func DiskOf(v Verdict) Disk {
	d := v.Device
	disk := Disk{
		Path: d.Path, Size: d.Size, LogicalSector: d.LogicalSector, IsImage: d.Type == block.TypeFile,
		byID: d.ByID, identity: block.IdentityOf(d), holds: strings.Join(v.Holds, ", "),
	}
	for _, b := range d.Below() {
		disk.labels += b.Label + "\n" + b.PartLabel + "\n"
	}
	return disk
}

// Unattendable verifies that an unattended install may erase the disk. named is the path
// that the operator gave for it, or empty.
//
// Firmware may boot the medium again after the install, which must not start over by
// itself. So a disk with the host's root on it is refused.
func (a Answers) Unattendable(named string) error {
	root := a.Host.Labels.Root
	if a.Host.LUKS.Enable {
		root = a.Host.Labels.LUKS
	}
	switch {
	case slices.Contains(strings.Split(a.Disk.labels, "\n"), root):
		return sys.Faultf(sys.CodeDisk, "to boot it, remove the medium; to install it again, use --confirm yes in place of --unattended, or wipe the disk",
			"%s holds %s: %s is installed there already, or its install is unfinished", a.Disk.Path, root, a.Host.TargetHost)
	case a.Disk.holds != "" && !strings.HasPrefix(filepath.Clean(named), "/dev/disk/by-id/"):
		return sys.Faultf(sys.CodeDisk, "if it may be erased, add --disk "+a.Disk.stablePath(),
			"%s holds data and was not named by /dev/disk/by-id: %s", a.Disk.Path, a.Disk.holds)
	}
	return nil
}

// stablePath returns a path that still names the disk after a reboot.
func (d Disk) stablePath() string {
	if d.byID != "" {
		return d.byID
	}
	return d.Path
}

// refusal returns why a disk may not be written to, or an empty string. path is any path
// of it.
func refusal(inv *block.Inventory, path string) string {
	for _, v := range choice.Rank(inv) {
		if v.Device.Path == path && v.PathTo != "" {
			return ""
		}
		if v.Device.Path == path {
			return v.Refused
		}
	}
	return "it does not exist"
}

// Same returns whether a verdict is of the same disk.
func (d Disk) Same(v Verdict) bool {
	same, _ := d.identity.Same(block.IdentityOf(v.Device))
	return same
}
