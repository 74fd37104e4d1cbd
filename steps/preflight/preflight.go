// Package preflight checks the machine first of all, and reports every fault that
// it finds.
package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"auto-installer/internal/engine"
	"auto-installer/internal/network"
	"auto-installer/internal/sys"
)

// Options says what the plan requires of the machine.
type Options struct {
	FS        string   // where /sys and /proc are, normally "/"
	EUID      int      // effective user
	Commands  []string // must be in PATH
	MinMemory int64    // bytes
	Target    string   // the new system's mount point
	Mapper    string   // name of the new system's mapper, or empty
	RunDir    string   // for the clone and the logs
	MinRun    int64    // bytes that must be free in RunDir
	Disk      string   // path, for messages
	DiskSize  int64    // bytes
	MinDisk   int64    // bytes
	// Network is the host:port to reach, or empty if the install needs no
	// network. Patience is how long the network may take to come up.
	Network  string
	Patience time.Duration
}

// check is one requirement. It returns what it saw, or a *sys.Fault.
type check struct {
	does string
	run  func(context.Context) (saw string, err error)
}

func (o Options) checks() []check {
	c := []check{
		{"running as root", o.root},
		{"started by UEFI firmware", o.firmware},
		{"the commands are there: " + strings.Join(o.Commands, " "), o.commands},
		{fmt.Sprintf("at least %d MiB of memory", o.MinMemory>>20), o.memory},
		{fmt.Sprintf("%s has at least %d MiB", o.Disk, o.MinDisk>>20), o.size},
		{"on mains power, or enough battery", o.power},
		{"nothing is mounted at " + o.Target, o.targetFree},
		{fmt.Sprintf("at least %d MiB free in %s", o.MinRun>>20, o.RunDir), o.room},
	}
	if o.Mapper != "" {
		c = append(c, check{"no mapper is called " + o.Mapper, o.mapperFree})
	}
	if o.Network != "" {
		c = append(c,
			check{"the clock is plausible", o.clock},
			check{o.Network + " can be reached", o.network})
	}
	return c
}

// Look makes a single check: firmware, memory, network, clock or power. It returns
// what it saw; the error is a *sys.Fault.
func Look(ctx context.Context, name string, o Options) (string, error) {
	run, ok := map[string]func(context.Context) (string, error){
		"firmware": o.firmware, "memory": o.memory, "network": o.network, "clock": o.clock, "power": o.power,
	}[name]
	if !ok {
		return "", fmt.Errorf("there is no check %q", name)
	}
	return run(ctx)
}

// Ops make all checks, and report every fault together, with the code of the
// first.
func Ops(o Options) []engine.Op {
	list := o.checks()
	var shown []sys.Action
	for _, c := range list {
		shown = append(shown, sys.Action{Does: c.does})
	}
	return []engine.Op{engine.Together(shown, func(ctx context.Context, s sys.System) error {
		var faults []*sys.Fault
		for _, c := range list {
			saw, err := c.run(ctx)
			f, unfit := errors.AsType[*sys.Fault](err)
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case unfit:
				s.Log("not fit: " + f.Cause)
				faults = append(faults, f)
			case err != nil:
				return err
			default:
				s.Log(saw)
			}
		}
		if faults == nil {
			return nil
		}
		return sys.Together(faults, "; ")
	})}
}

func unfit(hint, format string, args ...any) *sys.Fault {
	return sys.Faultf(sys.CodeMachine, hint, format, args...)
}

func (o Options) root(context.Context) (string, error) {
	if o.EUID != 0 {
		return "", unfit("run it with sudo, or on the medium's own console", "not running as root")
	}
	return "running as root", nil
}

func (o Options) firmware(context.Context) (string, error) {
	if _, err := os.Stat(filepath.Join(o.FS, "sys/firmware/efi")); err != nil {
		return "", unfit("switch the firmware from legacy BIOS (CSM) to UEFI and boot the medium again",
			"this machine was not started by UEFI firmware")
	}
	return "started by UEFI firmware", nil
}

func (o Options) commands(context.Context) (string, error) {
	var missing []string
	for _, c := range o.Commands {
		if _, err := exec.LookPath(c); err != nil {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return "", unfit("run it on a NixOS installer medium, or add their packages",
			"commands are missing: %s", strings.Join(missing, ", "))
	}
	return fmt.Sprintf("all %d commands found", len(o.Commands)), nil
}

func (o Options) memory(context.Context) (string, error) {
	total, err := sys.MemTotal(o.FS)
	if err != nil {
		return "", err
	}
	if total < o.MinMemory {
		return "", unfit("add memory: it holds the clone and the evaluation",
			"too little memory: %d MiB; the installer needs %d MiB", total>>20, o.MinMemory>>20)
	}
	return fmt.Sprintf("%d MiB of memory", total>>20), nil
}

func (o Options) size(context.Context) (string, error) {
	if o.DiskSize < o.MinDisk {
		return "", unfit("use a larger disk, or a smaller swap.size in host.toml",
			"%s is too small: %d MiB; the host needs %d MiB", o.Disk, o.DiskSize>>20, o.MinDisk>>20)
	}
	return fmt.Sprintf("%s has %d MiB", o.Disk, o.DiskSize>>20), nil
}

func (o Options) targetFree(context.Context) (string, error) {
	mounts, err := sys.Mounts(o.FS)
	if err != nil {
		return "", unfit("mount /proc", "the mounts cannot be read: %w", err)
	}
	for _, m := range mounts {
		if p := m.Mountpoint; p == o.Target || strings.HasPrefix(p, o.Target+"/") {
			return "", unfit("unmount it: umount --recursive "+o.Target, "something else is mounted at %s", p)
		}
	}
	return "nothing is mounted at " + o.Target, nil
}

func (o Options) mapperFree(context.Context) (string, error) {
	if sys.Exists(filepath.Join(o.FS, "dev/mapper", o.Mapper)).Holds() {
		return "", unfit("close it: cryptsetup close "+o.Mapper, "a mapper is called %s already", o.Mapper)
	}
	return "no mapper is called " + o.Mapper, nil
}

// room checks the file system of the clone and the logs, which is in memory.
func (o Options) room(context.Context) (string, error) {
	free, err := sys.Free(o.RunDir)
	if err != nil {
		return "", unfit("make "+o.RunDir+" writable", "%s: %w", o.RunDir, err)
	}
	if free < o.MinRun {
		return "", unfit("add memory, or delete files there", "only %d MiB are free in %s; the installer needs %d MiB", free>>20, o.RunDir, o.MinRun>>20)
	}
	return fmt.Sprintf("%d MiB free in %s", free>>20, o.RunDir), nil
}

// RoomOps verify that a folder still has room, for the journal and the logs: the source has
// been stored there since Ops. Without room, the install would fail after the first write.
func RoomOps(dir string, least int64) []engine.Op {
	return []engine.Op{engine.Do(fmt.Sprintf("verify that %s still has %d MiB for the journal and the logs", dir, least>>20),
		func(ctx context.Context, _ sys.System) error {
			_, err := Options{RunDir: dir, MinRun: least}.room(ctx)
			return err
		})}
}

// lowBattery is the least charge, in percent, for an install on battery.
const lowBattery = 20

// power reads /sys/class/power_supply (kernel
// Documentation/ABI/testing/sysfs-class-power).
func (o Options) power(context.Context) (string, error) {
	dirs, _ := filepath.Glob(filepath.Join(o.FS, "sys/class/power_supply/*"))
	read := func(dir, name string) string {
		data, _ := os.ReadFile(filepath.Join(dir, name)) // empty if there is no such file
		return strings.TrimSpace(string(data))
	}
	battery := -1
	for _, dir := range dirs {
		switch read(dir, "type") {
		case "Mains", "USB":
			if read(dir, "online") == "1" {
				return "on mains power", nil
			}
		case "Battery":
			if read(dir, "scope") == "Device" { // a mouse's
				continue
			}
			if n, err := strconv.Atoi(read(dir, "capacity")); err == nil {
				battery = max(battery, n)
			}
		}
	}
	switch {
	case battery < 0:
		return "no battery: on mains power", nil
	case battery < lowBattery:
		return "", unfit("plug in the power supply", "on battery with %d %% left", battery)
	}
	return fmt.Sprintf("on battery, %d %% left", battery), nil
}

// notBefore is in the past. With a clock before it, TLS refuses every
// certificate.
var notBefore = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (Options) clock(context.Context) (string, error) {
	now := time.Now()
	if now.Before(notBefore) {
		return "", unfit("set it: date --set '2026-01-31 12:00'", "the clock is wrong: it says %s", now.Format(time.DateTime))
	}
	return "the clock says " + now.Format(time.DateTime), nil
}

// network tries until it works or patience ends: right after booting, a medium may
// still wait for its address.
func (o Options) network(ctx context.Context) (string, error) {
	err := sys.Patiently(ctx, o.Patience, time.Second, nil, func() error { return network.Reach(ctx, o.Network) })
	if f, ok := errors.AsType[*sys.Fault](err); ok {
		f.Cause, f.Hint = "no network: "+f.Cause, f.Hint+"; a prebuilt medium needs no network"
	}
	return o.Network + " can be reached", err
}
