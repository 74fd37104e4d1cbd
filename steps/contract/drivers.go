package contract

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/hosts/facts"
	"auto-installer/internal/sys"
)

// modulesOf are the kernel modules through which the machine reaches a block
// device, from itself up to its bus (kernel:
// Documentation/driver-api/driver-model). Built-in drivers have no module.
func modulesOf(root, name string) []string {
	top := filepath.Join(root, "sys/devices")
	at, err := filepath.EvalSymlinks(filepath.Join(root, "sys/class/block", strings.ReplaceAll(name, "/", "!")))
	var modules []string
	for ; err == nil && strings.HasPrefix(at, top+"/"); at = filepath.Dir(at) {
		if module, err := os.Readlink(filepath.Join(at, "driver/module")); err == nil {
			modules = append(modules, filepath.Base(module))
		}
	}
	return modules
}

// drivers notes what the initrd lacks. It refuses nothing: a module may come with
// another, or be built into the host's own kernel.
func (c *checks) drivers(context.Context, sys.System) error {
	if target, err := c.inv.Find(c.Disk); err == nil { // else the gate refuses the disk
		lacks(c.Comparison, c.Found.Initrd, modulesOf(c.Sys, target.Name), target.Path)
	}
	return nil
}

func lacks(c *facts.Comparison, has facts.Initrd, needs []string, disk string) {
	inside := map[string]bool{}
	for _, m := range slices.Concat(has.Available, has.Loaded) {
		inside[moduleName(m)] = true
	}
	if len(inside) == 0 { // the host does without NixOS's own list, so its modules are unknown
		return
	}
	for _, m := range needs {
		if !inside[moduleName(m)] {
			c.Note("%s needs the kernel module %s, which the host's boot.initrd.availableKernelModules lack: "+
				"unless another module brings it, the host will not find its root", disk, m)
		}
	}
}

// moduleName is how the kernel spells a module: modprobe(8) takes - for _.
func moduleName(s string) string { return strings.ReplaceAll(s, "-", "_") }
