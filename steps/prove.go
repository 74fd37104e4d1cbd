package steps

import (
	"path/filepath"
	"time"

	"auto-installer/internal/boot/vm"
)

// BootProof is a disk to be started in a virtual machine.
type BootProof struct {
	Disk       Disk
	Passphrase []byte        // typed where the system asks for one, or nil
	Accel      string        // "kvm" or "tcg"; empty: what there is
	Limit      time.Duration // 0: the usual
}

// BootProofPlan makes the plan of starting a disk or an image of one in a
// virtual machine that writes nothing to it.
func BootProofPlan(b BootProof, paths Paths) *Plan {
	if abs, err := filepath.Abs(b.Disk.Path); err == nil {
		b.Disk.Path = abs // the overlay names it from another folder
	}
	return task("starting "+b.Disk.Path+" in a virtual machine", vmSteps(vm.Options{
		Disk: b.Disk.Path, SectorSize: b.Disk.LogicalSector, Passphrase: b.Passphrase,
		Dir: filepath.Join(paths.Dir, "vm"), Live: "/", Accel: b.Accel, Limit: b.Limit,
	})...)
}

// vmSteps are what is looked at first, and the start itself.
func vmSteps(o vm.Options) []Step {
	return []Step{
		step("vm", "see that a virtual machine can be started", before, o, vm.ReadyActions, vm.Ready),
		step(stepBootVM, "start the disk in a virtual machine that writes nothing to it", after, o, vm.Actions, vm.Run),
	}
}
