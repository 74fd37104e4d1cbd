// Package vm starts an installed disk in a virtual machine, and watches how
// far it comes. Nothing is written to the disk: the machine writes to an
// overlay in memory, and has the disk itself read-only.
package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// Options says what to start.
type Options struct {
	Disk       string // a block device, or an image file
	SectorSize int    // logical, bytes
	Passphrase []byte // typed where the system asks for one; nil: there is none
	// Mounted are mount points on the disk that are read-only meanwhile, so
	// that what the machine sees is whole. The last is done first.
	Mounted []string
	Dir     string // for the overlay and the sockets: in memory
	Live    string // where /proc, /dev and /usr are, "/" but in tests
	// Accel is "kvm" or "tcg", emulation; empty: KVM where it is, and
	// emulation if that leads nowhere.
	Accel string
	Limit time.Duration // for each try; 0: see limits
}

// limits are how long a machine may take to reach its init.
var limits = map[string]time.Duration{"kvm": 3 * time.Minute, "tcg": 20 * time.Minute}

// Firmware is OVMF's program and the variables that it begins with.
type Firmware struct{ Code, Vars string }

// program is QEMU for this kind of machine.
const program = "qemu-system-x86_64"

// places are where distributions keep OVMF, without Secure Boot.
var places = []Firmware{
	{"usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"},                   // Debian, Ubuntu
	{"usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd"},                         // older
	{"usr/share/edk2/x64/OVMF_CODE.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"},           // Arch
	{"usr/share/edk2/ovmf/OVMF_CODE.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd"},               // Fedora
	{"usr/share/qemu/ovmf-x86_64-code.bin", "usr/share/qemu/ovmf-x86_64-vars.bin"},         // SUSE
	{"run/libvirt/nix-ovmf/edk2-x86_64-code.fd", "run/libvirt/nix-ovmf/edk2-i386-vars.fd"}, // NixOS with libvirt
	{"run/libvirt/nix-ovmf/OVMF_CODE.fd", "run/libvirt/nix-ovmf/OVMF_VARS.fd"},
	{"run/current-system/sw/share/qemu/edk2-x86_64-code.fd", "run/current-system/sw/share/qemu/edk2-i386-vars.fd"}, // NixOS with qemu
}

// Find is the firmware of a system, or empty.
func Find(root string) Firmware {
	for _, f := range slices.Concat(places, besideQEMU()) {
		f := Firmware{filepath.Join(root, f.Code), filepath.Join(root, f.Vars)}
		_, err1 := os.Stat(f.Code)
		_, err2 := os.Stat(f.Vars)
		if err1 == nil && err2 == nil {
			return f
		}
	}
	return Firmware{}
}

// besideQEMU is what the QEMU in PATH brings along. NixOS links no program's
// share/qemu to a place that is known.
func besideQEMU() []Firmware {
	qemu, err := exec.LookPath(program)
	if err == nil {
		qemu, err = filepath.EvalSymlinks(qemu)
	}
	if err != nil {
		return nil
	}
	dir := filepath.Join(filepath.Dir(qemu), "../share/qemu")
	return []Firmware{{filepath.Join(dir, "edk2-x86_64-code.fd"), filepath.Join(dir, "edk2-i386-vars.fd")}}
}

func (o Options) firmware() Firmware {
	f := Find(o.Live)
	if f.Code == "" {
		return Firmware{"OVMF_CODE.fd", "OVMF_VARS.fd"}
	}
	return f
}

// accel is what is tried first.
func (o Options) accel() string {
	if o.Accel != "" {
		return o.Accel
	}
	if unix.Access(filepath.Join(o.Live, "dev/kvm"), unix.R_OK|unix.W_OK) == nil {
		return "kvm"
	}
	return "tcg"
}

// Memory of the machine, and what must be free for it and its overlay, in MiB.
const (
	memory     = 1024
	freeMemory = memory + 512
)

// ReadyActions is what Ready will look at.
func ReadyActions(Options) []sys.Action {
	return []sys.Action{{Does: fmt.Sprintf("look for OVMF, for KVM and for %d MiB of free memory", freeMemory)}}
}

// Ready makes sure before the first write that a machine can be started later.
func Ready(_ context.Context, s sys.System, o Options) error {
	const without = "install it on this system, or leave out --prove-boot"
	if _, known := consoles[arch]; !known {
		return sys.Faultf(sys.CodeMachine, "leave out --prove-boot", "a virtual machine of this architecture, %s, cannot be started by this program", arch)
	}
	f := Find(o.Live)
	if f.Code == "" {
		return sys.Faultf(sys.CodeMachine, without, "OVMF, the firmware of virtual machines, is not where distributions keep it, such as /%s", places[0].Code)
	}
	s.Log("the virtual machine's firmware is " + f.Code)
	if free, err := sys.MemAvailable(o.Live); err == nil && free < freeMemory<<20 {
		return sys.Faultf(sys.CodeMachine, "leave out --prove-boot, or add memory", "%d MiB of memory are free, and a virtual machine needs %d", free>>20, freeMemory)
	}
	if o.Accel == "" && o.accel() != "kvm" {
		s.Warn("there is no KVM (/dev/kvm), so the virtual machine is emulated, which may take many minutes")
	}
	return nil
}

// Actions is what Run will do.
func Actions(o Options) []sys.Action {
	var as []sys.Action
	for i := len(o.Mounted) - 1; i >= 0; i-- {
		as = append(as, remount("ro", o.Mounted[i]).Action())
	}
	as = append(as, overlay(o).Action(), machine(o, o.accel()).Action())
	for _, at := range o.Mounted {
		as = append(as, remount("rw", at).Action())
	}
	return as
}

func remount(how, at string) sys.Cmd {
	does := "let the machine see " + at + " whole"
	if how == "rw" {
		does = "let " + at + " be written to again"
	}
	return sys.Cmd{Does: does, Argv: []string{"mount", "-o", "remount," + how, at}}
}

func overlay(o Options) sys.Cmd {
	return sys.Cmd{
		Does: "make the overlay that the machine writes to",
		Argv: []string{"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", o.Disk, filepath.Join(o.Dir, "overlay.qcow2")},
	}
}

// Run starts the disk. It fails if its init is not reached; where nobody can
// know, for want of a console or a passphrase, it says what was reached.
func Run(ctx context.Context, s sys.System, o Options) (err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return hint(err)
	}
	defer os.RemoveAll(o.Dir)
	defer func() {
		for _, at := range o.Mounted {
			if again := s.Run(context.WithoutCancel(ctx), remount("rw", at)); again != nil && err == nil {
				err = sys.Incomplete(again, "to "+remount("rw", at).Does)
			}
		}
	}()
	for i := len(o.Mounted) - 1; i >= 0; i-- {
		if err := s.Run(ctx, remount("ro", o.Mounted[i])); err != nil {
			return hint(err)
		}
	}
	if err := s.Run(ctx, overlay(o)); err != nil {
		return hint(err)
	}
	accel := o.accel()
	how, err := try(ctx, s, o, accel)
	if _, hung := errors.AsType[inconclusive](err); hung && accel == "kvm" && o.Accel == "" {
		s.Warn("with KVM " + err.Error() + ": once more, emulated")
		how, err = try(ctx, s, o, "tcg")
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return hint(err)
	}
	s.Proven(how)
	return nil
}

func hint(err error) error {
	return sys.WithHint(err, sys.CodeBootProof,
		"the log has what the machine said on its serial line: mend that and try again (an install with --resume, or without --prove-boot)",
		"starting the disk in a virtual machine")
}

// inconclusive: the machine said nothing that tells why it went no further.
type inconclusive struct{ error }
