// Package provevm starts an installed disk, or an image of one, in a virtual
// machine that writes nothing to it.
package provevm

import (
	"path/filepath"
	"time"

	"auto-installer/internal/boot/vm"
	"auto-installer/internal/engine"
)

// Request is a disk to be started.
type Request struct {
	Disk       string        // or an image file of one
	SectorSize int           // logical, in bytes
	Passphrase []byte        // typed where the system asks for one, or nil
	Accel      string        // "kvm" or "tcg"; empty: what there is
	Limit      time.Duration // 0: the usual
}

// Plan makes the plan.
func Plan(r Request, paths engine.Paths) *engine.Task {
	if abs, err := filepath.Abs(r.Disk); err == nil {
		r.Disk = abs // the overlay names it from another folder
	}
	o := vm.Options{
		Disk: r.Disk, SectorSize: r.SectorSize, Passphrase: r.Passphrase,
		Dir: filepath.Join(paths.Dir, "vm"), Live: "/", Accel: r.Accel, Limit: r.Limit,
	}
	return engine.NewTask("starting "+r.Disk+" in a virtual machine",
		engine.NewStep("vm", "verify that a virtual machine can be started", engine.Check, vm.ReadyOps(o)...),
		engine.NewStep("bootvm", "start the disk in a virtual machine that writes nothing to it", engine.Prove, vm.Ops(o)...))
}
