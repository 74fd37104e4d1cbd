package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// firmware is OVMF's program and its initial variables.
type firmware struct{ code, vars string }

// program is QEMU for this kind of machine.
const program = "qemu-system-x86_64"

// places are where distributions keep OVMF without Secure Boot.
var places = []firmware{
	{"usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"},                   // Debian, Ubuntu
	{"usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd"},                         // older
	{"usr/share/edk2/x64/OVMF_CODE.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"},           // Arch
	{"usr/share/edk2/ovmf/OVMF_CODE.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd"},               // Fedora
	{"usr/share/qemu/ovmf-x86_64-code.bin", "usr/share/qemu/ovmf-x86_64-vars.bin"},         // SUSE
	{"run/libvirt/nix-ovmf/edk2-x86_64-code.fd", "run/libvirt/nix-ovmf/edk2-i386-vars.fd"}, // NixOS with libvirt
	{"run/libvirt/nix-ovmf/OVMF_CODE.fd", "run/libvirt/nix-ovmf/OVMF_VARS.fd"},
	{"run/current-system/sw/share/qemu/edk2-x86_64-code.fd", "run/current-system/sw/share/qemu/edk2-i386-vars.fd"}, // NixOS with qemu
}

// besideQEMU is the firmware that comes with the QEMU in PATH, or empty. NixOS
// does not link a program's share/qemu to a usual place.
func besideQEMU() firmware {
	qemu, err := exec.LookPath(program)
	if err == nil {
		qemu, err = filepath.EvalSymlinks(qemu)
	}
	if err != nil {
		return firmware{}
	}
	dir := filepath.Join(filepath.Dir(qemu), "../share/qemu")
	return firmware{filepath.Join(dir, "edk2-x86_64-code.fd"), filepath.Join(dir, "edk2-i386-vars.fd")}
}

// findFirmware finds the firmware of a system below root. Without one, it returns
// names for a dry run.
func findFirmware(root string) (f firmware, ok bool) {
	for _, f := range append(slices.Clone(places), besideQEMU()) {
		f := firmware{filepath.Join(root, f.code), filepath.Join(root, f.vars)}
		_, noCode := os.Stat(f.code)
		_, noVars := os.Stat(f.vars)
		if noCode == nil && noVars == nil {
			return f, true
		}
	}
	return firmware{"OVMF_CODE.fd", "OVMF_VARS.fd"}, false
}
