package preflight

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// machine is a root folder with the files of /sys and /proc.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func meminfo(kib int) string {
	return fmt.Sprintf("MemTotal:       %d kB\nMemFree:         4 kB\n", kib)
}

var good = map[string]string{"sys/firmware/efi/runtime": "0x0", "proc/meminfo": meminfo(2 << 20)}

// mountinfo has nothing below /target.
const mountinfo = "22 1 0:2 / / rw - rootfs rootfs rw\n23 22 0:3 / /targets rw - tmpfs tmpfs rw\n"

func options(t *testing.T, files map[string]string) Options {
	if files["proc/self/mountinfo"] == "" {
		files = maps.Clone(files)
		files["proc/self/mountinfo"] = mountinfo
	}
	return Options{
		Target: "/target", Mapper: "crypt", RunDir: t.TempDir(), MinRun: 1,
		FS: machine(t, files), Commands: []string{"sh", "cat"}, MinMemory: 1 << 30,
		Disk: "/dev/x", DiskSize: 10 << 30, MinDisk: 4 << 30,
	}
}

func supply(files ...string) map[string]string {
	m := map[string]string{}
	for k, v := range good {
		m[k] = v
	}
	for i := 0; i < len(files); i += 2 {
		m["sys/class/power_supply/"+files[i]] = files[i+1] + "\n"
	}
	return m
}

func TestChecks(t *testing.T) {
	for _, c := range []struct {
		name   string
		files  map[string]string
		change func(*Options)
		say    string // in the log if good, else the whole cause
		bad    bool
	}{
		{name: "root", say: "running as root"},
		{name: "not root", change: func(o *Options) { o.EUID = 1000 }, bad: true, say: "not running as root"},
		{name: "UEFI", say: "started by UEFI firmware"},
		{name: "BIOS", files: map[string]string{"proc/meminfo": meminfo(2 << 20)}, bad: true, say: "this machine was not started by UEFI firmware"},
		{name: "commands", say: "all 2 commands found"},
		{name: "commands missing", change: func(o *Options) { o.Commands = []string{"no-such-a", "sh", "no-such-b"} }, bad: true, say: "commands are missing: no-such-a, no-such-b"},
		{name: "memory", say: "2048 MiB of memory"},
		{name: "just enough memory", files: map[string]string{"sys/firmware/efi/x": "", "proc/meminfo": meminfo(1 << 20)}, say: "1024 MiB of memory"},
		{name: "too little memory", files: map[string]string{"sys/firmware/efi/x": "", "proc/meminfo": meminfo(1<<20 - 1)}, bad: true, say: "too little memory: 1023 MiB; the installer needs 1024 MiB"},
		{name: "disk", say: "/dev/x has 10240 MiB"},
		{name: "disk just large enough", change: func(o *Options) { o.DiskSize = o.MinDisk }, say: "/dev/x has 4096 MiB"},
		{name: "disk too small", change: func(o *Options) { o.DiskSize = o.MinDisk - 1 }, bad: true, say: "/dev/x is too small: 4095 MiB; the host needs 4096 MiB"},
		{name: "no battery", say: "no battery: on mains power"},
		{name: "mains", files: supply("AC/type", "Mains", "AC/online", "1", "BAT0/type", "Battery", "BAT0/capacity", "3"), say: "on mains power"},
		{name: "USB power", files: supply("ucsi/type", "USB", "ucsi/online", "1", "BAT0/type", "Battery", "BAT0/capacity", "3"), say: "on mains power"},
		{name: "battery", files: supply("AC/type", "Mains", "AC/online", "0", "BAT0/type", "Battery", "BAT0/capacity", "20"), say: "on battery, 20 % left"},
		{name: "battery low", files: supply("AC/type", "Mains", "AC/online", "0", "BAT0/type", "Battery", "BAT0/capacity", "19"), bad: true, say: "on battery with 19 % left"},
		{name: "the fuller of two", files: supply("BAT0/type", "Battery", "BAT0/capacity", "2", "BAT1/type", "Battery", "BAT1/capacity", "50"), say: "on battery, 50 % left"},
		{name: "a mouse's battery", files: supply("m/type", "Battery", "m/capacity", "1", "m/scope", "Device"), say: "no battery: on mains power"},
		{name: "target free", say: "nothing is mounted at /target"},
		{name: "target in use", files: map[string]string{
			"sys/firmware/efi/x": "", "proc/meminfo": meminfo(2 << 20), "proc/self/mountinfo": "22 1 0:2 / /target/deep\\040er rw - ext4 /dev/y rw\n",
		}, bad: true, say: "something else is mounted at /target/deep er"},
		{name: "mapper free", say: "no mapper is called crypt"},
		{name: "mapper taken", files: map[string]string{
			"sys/firmware/efi/x": "", "proc/meminfo": meminfo(2 << 20), "dev/mapper/crypt": "",
		}, bad: true, say: "a mapper is called crypt already"},
		{name: "battery that says nothing", files: supply("BAT0/type", "Battery"), say: "no battery: on mains power"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.files == nil {
				c.files = good
			}
			o := options(t, c.files)
			if c.change != nil {
				c.change(&o)
			}
			f := sys.NewFake(t)
			err := enginetest.Check(t.Context(), f, Ops(o)...)
			if !c.bad {
				if err != nil || !strings.Contains("\n"+strings.Join(f.Logged, "\n")+"\n", "\n"+c.say+"\n") {
					t.Errorf("%v, logged %q", err, f.Logged)
				}
				return
			}
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || fault.Cause != c.say || fault.Hint == "" || fault.Code != sys.CodeMachine {
				t.Errorf("%+v", err)
			}
		})
	}
}

func TestMeminfoThatCannotBeRead(t *testing.T) {
	for name, content := range map[string]string{"no total": "MemFree: 1 kB\n", "no number": "MemTotal: many kB\n", "empty": ""} {
		files := map[string]string{"sys/firmware/efi/x": "", "proc/meminfo": content}
		if err := enginetest.Check(t.Context(), sys.NewFake(t), Ops(options(t, files))...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Every fault is reported together.
func TestEveryFaultIsReported(t *testing.T) {
	o := Options{
		FS: machine(t, map[string]string{
			"proc/meminfo": meminfo(1000), "sys/class/power_supply/B/type": "Battery", "sys/class/power_supply/B/capacity": "5",
		}),
		Target: "/target", RunDir: "/nonexistent", MinRun: 1,
		EUID: 1, Commands: []string{"no-such-a"}, MinMemory: 1 << 30, Disk: "/dev/x", MinDisk: 1, Network: closedPort(t),
	}
	f := sys.NewFake(t)
	fault, ok := errors.AsType[*sys.Fault](enginetest.Check(t.Context(), f, Ops(o)...))
	if !ok || fault.Code != sys.CodeMachine {
		t.Fatalf("%+v", fault)
	}
	for _, say := range []string{"not running as root", "UEFI", "no-such-a", "memory", "/dev/x is too small", "battery", "no network"} {
		if strings.Count(fault.Cause, say) != 1 {
			t.Errorf("%q is not once in %q", say, fault.Cause)
		}
	}
	if strings.Count(fault.Hint, "; ") < 6 {
		t.Errorf("hints %q", fault.Hint)
	}
}

// closedPort is an address without a listener.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := options(t, good)
	o.Network = l.Addr().String()
	f := sys.NewFake(t)
	if err := enginetest.Check(t.Context(), f, Ops(o)...); err != nil || f.Logged[len(f.Logged)-1] != o.Network+" can be reached" {
		t.Errorf("%v, %q", err, f.Logged)
	}

	o.Network, o.Patience = closedPort(t), 10*time.Millisecond
	fault, ok := errors.AsType[*sys.Fault](enginetest.Check(t.Context(), sys.NewFake(t), Ops(o)...))
	if !ok || fault.Code != sys.CodeSource || fault.Hint == "" || !strings.Contains(fault.Cause, "no network: ") {
		t.Errorf("%+v", fault)
	}

	// It comes up before patience ends.
	o.Network, o.Patience = closedPort(t), 20*time.Second
	late := make(chan net.Listener, 1)
	time.AfterFunc(300*time.Millisecond, func() {
		l, err := net.Listen("tcp", o.Network)
		if err != nil {
			t.Error(err)
		}
		late <- l
	})
	if err := enginetest.Check(t.Context(), sys.NewFake(t), Ops(o)...); err != nil {
		t.Error(err)
	}
	if l := <-late; l != nil {
		l.Close()
	}

	// Ctrl+C does not wait for patience.
	why := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	o.Network, o.Patience = closedPort(t), time.Hour
	if err := enginetest.Check(ctx, sys.NewFake(t), Ops(o)...); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

func TestNoRoomForTheJournal(t *testing.T) {
	for _, c := range []struct {
		dir   string
		least int64
		bad   string
	}{
		{t.TempDir(), 1, ""},
		{t.TempDir(), 1 << 60, "MiB are free"},
		{filepath.Join(t.TempDir(), "gone"), 1, "no such file"},
	} {
		err := enginetest.Check(t.Context(), sys.NewFake(t), RoomOps(c.dir, c.least)...)
		fault, ok := errors.AsType[*sys.Fault](err)
		if (err != nil) != (c.bad != "") || c.bad != "" && (!ok || fault.Code != sys.CodeMachine || fault.Hint == "" || !strings.Contains(fault.Cause, c.bad)) {
			t.Errorf("%+v", err)
		}
	}
}
