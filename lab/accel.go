package lab

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// accelArgs are QEMU's arguments for an accelerator, "kvm" or "tcg".
func accelArgs(accel string) []string {
	if accel == "kvm" {
		return []string{"-accel", "kvm", "-cpu", "host"}
	}
	// A processor without AVX: with emulated AVX, SHA-256 takes two to three times
	// as long.
	return []string{"-accel", "tcg,thread=multi", "-cpu", "Westmere"}
}

// cpus is the default number of processors. An emulated machine gets one: while a
// kernel patches its own code, QEMU may run a stale breakpoint on another
// processor, and the kernel panics (int3). Two machines side by side use two cores
// better anyway.
func cpus(accel string) int {
	if accel == "kvm" {
		return 2
	}
	return 1
}

// Accel returns the accelerator to use: "kvm" if it starts a kernel, else "tcg",
// emulation. LAB_ACCEL overrides it. An existing /dev/kvm need not work, so Accel
// tries it, once per boot of the host, and keeps the verdict.
func Accel(ctx context.Context, image Image) string {
	if accel := os.Getenv("LAB_ACCEL"); accel != "" {
		return accel
	}
	kvm, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return "tcg"
	}
	kvm.Close()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	verdict := filepath.Join(filepath.Dir(image.Dir), "accel-"+strings.TrimSpace(string(boot)))
	if known, err := os.ReadFile(verdict); err == nil {
		return string(known)
	}
	accel := "tcg"
	if kvmWorks(ctx, image) {
		accel = "kvm"
	}
	if ctx.Err() == nil {
		_ = os.WriteFile(verdict, []byte(accel), 0o644)
	}
	return accel
}

// kvmWorks starts the live kernel without a root: the kernel must get as far as
// reporting that.
func kvmWorks(ctx context.Context, image Image) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	args := append(accelArgs("kvm"), "-machine", "q35", "-m", "512", "-smp", "2", "-nodefaults", "-display", "none",
		"-no-reboot", "-serial", "stdio", "-kernel", image.Kernel(), "-append", "console=ttyS0 panic=-1")
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	cmd.WaitDelay = time.Second
	out, _ := cmd.Output()
	return bytes.Contains(out, []byte("Unable to mount root"))
}
