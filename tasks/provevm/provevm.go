// Package provevm starts an installed disk, or an image of one, in a virtual
// machine that writes nothing to it.
package provevm

import (
	"path/filepath"

	"auto-installer/internal/boot/vm"
	"auto-installer/internal/engine"
)

// Request is a disk to start, and how. Plan sets Dir and Live.
type Request = vm.Options

// Plan makes the plan.
func Plan(o Request, paths engine.Paths) *engine.Task {
	if abs, err := filepath.Abs(o.Disk); err == nil {
		o.Disk = abs // the overlay names it from another folder
	}
	o.Dir, o.Live = filepath.Join(paths.Dir, "vm"), "/"
	return engine.NewTask("starting "+o.Disk+" in a virtual machine",
		engine.NewStep("vm", "verify that a virtual machine can be started", engine.Check, vm.ReadyOps(o)...),
		engine.NewStep("bootvm", "start the disk in a virtual machine that writes nothing to it", engine.Prove, vm.Ops(o)...))
}
