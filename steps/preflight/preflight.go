// Package preflight checks the machine before anything else is tried. It
// reports everything that is wrong, not only the first.
package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"auto-installer/internal/sys"
)

// Options says what the plan needs of the machine.
type Options struct {
	FS        string   // where /sys and /proc are, normally "/"
	EUID      int      // effective user
	Commands  []string // to be found in PATH
	MinMemory int64    // bytes
	Target    string   // where the new system will be mounted
	Mapper    string   // device-mapper name that will be used, or empty
	RunDir    string   // where the clone and the logs are kept
	MinRun    int64    // bytes that must be free there
	Disk      string   // path, for messages
	DiskSize  int64    // bytes
	MinDisk   int64    // bytes
	// Network is the host:port that must be reached, or empty if the install
	// needs none. Patience is how long it may take to come up.
	Network  string
	Patience time.Duration
}

// check is one thing to look at. It returns what it saw, or a *sys.Fault.
type check struct {
	does string
	run  func(context.Context, Options) (string, error)
}

func checks(o Options) []check {
	c := []check{
		{"running as root", root},
		{"started by UEFI firmware", uefi},
		{"the commands are there: " + strings.Join(o.Commands, " "), commands},
		{fmt.Sprintf("at least %d MiB of memory", o.MinMemory>>20), memory},
		{fmt.Sprintf("%s has at least %d MiB", o.Disk, o.MinDisk>>20), size},
		{"on mains power, or enough battery", power},
		{"nothing is mounted at " + o.Target, targetFree},
		{fmt.Sprintf("at least %d MiB free in %s", o.MinRun>>20, o.RunDir), room},
	}
	if o.Mapper != "" {
		c = append(c, check{"no mapper is called " + o.Mapper, mapperFree})
	}
	if o.Network != "" {
		c = append(c,
			check{"the clock is plausible", clock},
			check{o.Network + " can be reached", network})
	}
	return c
}

// Look makes one check alone: firmware, memory, network, clock or power. It
// returns what it saw; the error is a *sys.Fault.
func Look(ctx context.Context, name string, o Options) (string, error) {
	run, ok := map[string]func(context.Context, Options) (string, error){
		"firmware": uefi, "memory": memory, "network": network, "clock": clock, "power": power,
	}[name]
	if !ok {
		return "", fmt.Errorf("there is no check %q", name)
	}
	return run(ctx, o)
}

// Actions is what Run will look at.
func Actions(o Options) []sys.Action {
	var as []sys.Action
	for _, c := range checks(o) {
		as = append(as, sys.Action{Does: c.does})
	}
	return as
}

// Run makes all checks.
func Run(ctx context.Context, s sys.System, o Options) error {
	var bad []*sys.Fault
	for _, c := range checks(o) {
		saw, err := c.run(ctx, o)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			s.Log(saw)
			continue
		}
		f, ok := errors.AsType[*sys.Fault](err)
		if !ok {
			return err
		}
		s.Log("not fit: " + f.Cause)
		bad = append(bad, f)
	}
	return together(bad)
}

// together makes one fault of many: the code is the first's.
func together(bad []*sys.Fault) error {
	switch len(bad) {
	case 0:
		return nil
	case 1:
		return bad[0]
	}
	var causes, hints []string
	for _, f := range bad {
		causes, hints = append(causes, f.Cause), append(hints, f.Hint)
	}
	return &sys.Fault{Cause: strings.Join(causes, "; "), Hint: strings.Join(hints, "; "), Code: bad[0].Code}
}

func unfit(hint, format string, args ...any) *sys.Fault {
	return sys.Faultf(sys.CodeMachine, hint, format, args...)
}

func root(_ context.Context, o Options) (string, error) {
	if o.EUID != 0 {
		return "", unfit("run it with sudo, or on the installer's own console", "not running as root")
	}
	return "running as root", nil
}

func uefi(_ context.Context, o Options) (string, error) {
	if _, err := os.Stat(filepath.Join(o.FS, "sys/firmware/efi")); err != nil {
		return "", unfit("switch the firmware from legacy BIOS (CSM) to UEFI and start the stick again",
			"this machine was not started by UEFI firmware")
	}
	return "started by UEFI firmware", nil
}

func commands(_ context.Context, o Options) (string, error) {
	var missing []string
	for _, c := range o.Commands {
		if _, err := exec.LookPath(c); err != nil {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return "", unfit("run it on a NixOS installer medium, or add the packages that carry them",
			"commands are missing: %s", strings.Join(missing, ", "))
	}
	return fmt.Sprintf("all %d commands found", len(o.Commands)), nil
}

// memory reads MemTotal, in KiB (proc_meminfo(5)).
func memory(_ context.Context, o Options) (string, error) {
	data, err := os.ReadFile(filepath.Join(o.FS, "proc/meminfo"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		rest, ok := strings.CutPrefix(line, "MemTotal:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		if err != nil {
			return "", err
		}
		if kib<<10 < o.MinMemory {
			return "", unfit("add memory: the clone and the evaluation are held in it",
				"too little memory: %d MiB, needed are %d MiB", kib>>10, o.MinMemory>>20)
		}
		return fmt.Sprintf("%d MiB of memory", kib>>10), nil
	}
	return "", errors.New("no MemTotal in /proc/meminfo")
}

func size(_ context.Context, o Options) (string, error) {
	if o.DiskSize < o.MinDisk {
		return "", unfit("use a larger disk, or a smaller swap.size in the host's definition",
			"%s is too small: %d MiB, needed are %d MiB", o.Disk, o.DiskSize>>20, o.MinDisk>>20)
	}
	return fmt.Sprintf("%s has %d MiB", o.Disk, o.DiskSize>>20), nil
}

func targetFree(_ context.Context, o Options) (string, error) {
	points, err := sys.MountPoints(o.FS)
	if err != nil {
		return "", unfit("this needs /proc", "the mounts cannot be read: %w", err)
	}
	for _, p := range points {
		if p == o.Target || strings.HasPrefix(p, o.Target+"/") {
			return "", unfit("unmount it: umount --recursive "+o.Target, "something else is mounted at %s", p)
		}
	}
	return "nothing is mounted at " + o.Target, nil
}

func mapperFree(_ context.Context, o Options) (string, error) {
	if sys.Exists(filepath.Join(o.FS, "dev/mapper", o.Mapper)).Holds() {
		return "", unfit("close it: cryptsetup close "+o.Mapper, "a mapper is called %s already", o.Mapper)
	}
	return "no mapper is called " + o.Mapper, nil
}

// room looks at the file system that holds the clone and the logs, which is
// in memory.
func room(_ context.Context, o Options) (string, error) {
	free, err := sys.Free(o.RunDir)
	if err != nil {
		return "", unfit("this needs a writable "+o.RunDir, "%s: %w", o.RunDir, err)
	}
	if free < o.MinRun {
		return "", unfit("add memory, or remove what fills it", "only %d MiB are free in %s, needed are %d MiB", free>>20, o.RunDir, o.MinRun>>20)
	}
	return fmt.Sprintf("%d MiB free in %s", free>>20, o.RunDir), nil
}

// lowBattery is the charge in percent below which an install on battery is
// refused.
const lowBattery = 20

// power reads /sys/class/power_supply (kernel
// Documentation/ABI/testing/sysfs-class-power).
func power(_ context.Context, o Options) (string, error) {
	dirs, _ := filepath.Glob(filepath.Join(o.FS, "sys/class/power_supply/*"))
	read := func(dir, name string) string {
		data, _ := os.ReadFile(filepath.Join(dir, name)) // absent: empty
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

// notBefore is a date that the clock of a working machine is past. A clock
// behind it fails every TLS certificate.
var notBefore = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func clock(_ context.Context, _ Options) (string, error) {
	now := time.Now()
	if now.Before(notBefore) {
		return "", unfit("set it: date --set '2026-01-31 12:00'", "the clock is wrong: it says %s", now.Format(time.DateTime))
	}
	return "the clock says " + now.Format(time.DateTime), nil
}

// network dials until it works or patience ends: a medium that has just
// started may still wait for its address.
func network(ctx context.Context, o Options) (string, error) {
	deadline := time.Now().Add(o.Patience)
	for {
		conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", o.Network)
		if err == nil {
			conn.Close()
			return o.Network + " can be reached", nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return "", sys.Faultf(sys.CodeSource, "connect a cable or Wi-Fi; `ip address` shows the addresses; a prebuilt medium needs no network",
				"no network: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}
