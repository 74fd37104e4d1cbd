package contract

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/hosts/facts"
)

// drivers are the kernel modules through which the machine reaches a block
// device, from itself up to its bus (kernel:
// Documentation/driver-api/driver-model). Built-in drivers have no module.
func drivers(root, name string) []string {
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

// checkDrivers notes what the initrd lacks. It refuses nothing: a module may
// come with another, or be built into the host's own kernel.
func checkDrivers(c *facts.Comparison, has facts.Initrd, needs []string, disk string) {
	all := slices.Concat(has.Available, has.Loaded)
	if len(all) == 0 { // the host does without NixOS's own list, so its modules are unknown
		return
	}
	inside := map[string]bool{}
	for _, m := range all {
		inside[moduleName(m)] = true
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
