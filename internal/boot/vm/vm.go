// Package vm boots an installed disk in a virtual machine and watches its serial
// line. The machine opens the disk read-only and writes to an overlay in memory.
package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says what to boot.
type Options struct {
	Disk       string // a block device, or an image file
	SectorSize int    // logical, bytes
	Passphrase []byte // for the prompt of an encrypted disk; may be nil
	// Mounted are the disk's mount points, which become read-only, the last one
	// first, so that the machine sees complete file systems.
	Mounted []string
	Dir     string // for the overlay and the sockets: in memory
	Live    string // where /proc, /dev and /usr are, "/" except in tests
	// Accel is "kvm", or "tcg" for emulation. Empty: KVM if there is one, and
	// emulation if that gets nowhere.
	Accel string
	Limit time.Duration // for each attempt; 0: see limits
}

// limits are how long a machine may take to reach its init.
var limits = map[string]time.Duration{"kvm": 3 * time.Minute, "tcg": 20 * time.Minute}

// accel is the first attempt's.
func (o Options) accel() string {
	if o.Accel != "" {
		return o.Accel
	}
	if unix.Access(filepath.Join(o.Live, "dev/kvm"), unix.R_OK|unix.W_OK) == nil {
		return "kvm"
	}
	return "tcg"
}

// Memory of the machine, and free memory for it and its overlay, in MiB.
const (
	memory     = 1024
	freeMemory = memory + 512
)

// ReadyOps verify, before the first write, that a machine can be started later.
func ReadyOps(o Options) []engine.Op {
	does := fmt.Sprintf("look for OVMF, for KVM and for %d MiB of free memory", freeMemory)
	return []engine.Op{engine.Do(does, o.ready)}
}

func (o Options) ready(_ context.Context, s sys.System) error {
	const without = "install it on this system, or leave out --prove-boot"
	if runtime.GOARCH != "amd64" {
		return sys.Faultf(sys.CodeMachine, "leave out --prove-boot", "the installer cannot start virtual machines of this architecture, %s", runtime.GOARCH)
	}
	f, ok := findFirmware(o.Live)
	if !ok {
		return sys.Faultf(sys.CodeMachine, without, "OVMF, the firmware of virtual machines, is missing: it is not at /%s or another usual place", places[0].code)
	}
	s.Log("the virtual machine's firmware is " + f.code)
	if free, err := sys.MemAvailable(o.Live); err == nil && free < freeMemory<<20 {
		return sys.Faultf(sys.CodeMachine, "leave out --prove-boot, or add memory", "%d MiB of memory are free; a virtual machine needs %d", free>>20, freeMemory)
	}
	if o.Accel == "" && o.accel() != "kvm" {
		s.Warn("there is no KVM (/dev/kvm): the virtual machine will be emulated, which may take many minutes")
	}
	return nil
}

// Ops boot the disk and fail if the system does not reach its init. Without a
// console or a passphrase they cannot find out, and log what the system reached.
func Ops(o Options) []engine.Op {
	removeDir := func(context.Context, sys.System) error { return os.RemoveAll(o.Dir) }
	ops := []engine.Op{
		engine.Do("", removeDir), // of an interrupted run
		engine.Do("", func(context.Context, sys.System) error { return os.MkdirAll(o.Dir, 0o700) }),
	}
	for _, at := range slices.Backward(o.Mounted) {
		ops = append(ops, engine.Run(remount("ro", "make "+at+" read-only, so that the machine sees a complete file system", at)))
	}
	ops = append(ops,
		engine.Run(sys.Cmd{
			Does: "make the overlay that the machine writes to",
			Argv: []string{"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", o.Disk, filepath.Join(o.Dir, "overlay.qcow2")},
		}),
		engine.Together(sys.Actions(machine(o, o.accel())), o.boot))
	for i := range ops {
		ops[i] = ops[i].Doing("starting the disk in a virtual machine").Hint(sys.CodeBootProof,
			"read the machine's serial output in the log, correct the fault and try again (an install with --resume, or without --prove-boot)")
	}
	for _, at := range o.Mounted {
		ops = append(ops, engine.Run(remount("rw", "make "+at+" writable again", at)).Always())
	}
	return append(ops, engine.Do("", removeDir).Always())
}

func remount(how, does, at string) sys.Cmd {
	return sys.Cmd{Does: does, Argv: []string{"mount", "-o", "remount," + how, at}}
}

func (o Options) boot(ctx context.Context, s sys.System) error {
	accel := o.accel()
	how, err := try(ctx, s, o, accel)
	if _, hung := errors.AsType[inconclusive](err); hung && accel == "kvm" && o.Accel == "" && ctx.Err() == nil {
		s.Warn("with KVM " + err.Error() + ": trying again, emulated")
		how, err = try(ctx, s, o, "tcg")
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		s.Proven(how)
	}
	return err
}

// inconclusive: the machine's output does not say why it stopped.
type inconclusive struct{ error }
