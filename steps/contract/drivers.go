package contract

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// drivers are the kernel modules through which a block device is reached, from
// itself up to its bus (kernel: Documentation/driver-api/driver-model). What is
// built into the kernel is none of them.
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

// drivers notes what the initrd lacks. That is no refusal: a module may come
// along with another, or be built into the host's own kernel.
func (c *comparison) drivers(has Initrd, needs []string, disk string) {
	all := slices.Concat(has.Available, has.Loaded)
	if len(all) == 0 { // of a host that does without NixOS's own list, nothing is known
		return
	}
	inside := map[string]bool{}
	for _, m := range all {
		inside[moduleName(m)] = true
	}
	for _, m := range needs {
		if !inside[moduleName(m)] {
			c.note("%s is reached through the kernel module %s, which the host's boot.initrd.availableKernelModules do not have: if nothing else brings it along, the host will not find its root",
				disk, m)
		}
	}
}

// moduleName is how the kernel spells a module: modprobe(8) takes - for _.
func moduleName(s string) string { return strings.ReplaceAll(s, "-", "_") }
