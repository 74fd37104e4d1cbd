package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// The test binary is QEMU too, when it is started by that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "qemu-system-x86_64" {
		os.Exit(fakeQEMU(os.Args[1:]))
	}
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // a second otherwise, for each machine
	os.Exit(m.Run())
}

// act is an action of the fake QEMU: it prints, waits for input, or ends.
type act struct {
	Say   string
	Await string
	Die   int // exit code
}

const script = "FAKE_QEMU_SCRIPT"

func fakeQEMU(args []string) int {
	fail := func(err error) int { fmt.Fprintln(os.Stderr, "qemu:", err); return 1 }
	var acts []act
	which := "TCG"
	if slices.Contains(args, "kvm") {
		which = "KVM"
	}
	if err := json.Unmarshal([]byte(os.Getenv(script+which)), &acts); err != nil {
		return fail(err)
	}
	const serial = "socket,id=serial,path="
	i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, serial) })
	if i < 0 {
		return fail(errors.New("no serial line"))
	}
	if len(acts) > 0 && acts[0].Die > 0 {
		return fail(errors.New("failed to initialize kvm: Permission denied"))
	}
	conn, err := net.Dial("unix", strings.TrimPrefix(args[i], serial))
	if err != nil {
		return fail(err)
	}
	typed := bufio.NewReader(conn)
	for _, a := range acts {
		if a.Die > 0 {
			return a.Die
		}
		if a.Await != "" {
			if got, err := typed.ReadString('\r'); err != nil || got != a.Await+"\r" {
				return fail(fmt.Errorf("typed %q", got))
			}
		}
		fmt.Fprint(conn, a.Say)
	}
	select {} // until SIGTERM
}

// heard records the reports of a run.
type heard struct {
	mu   sync.Mutex
	cmds []sys.Cmd
	log  []string
}

func (h *heard) Command(c sys.Cmd) { h.mu.Lock(); h.cmds = append(h.cmds, c); h.mu.Unlock() }
func (h *heard) Log(line string)   { h.mu.Lock(); h.log = append(h.log, line); h.mu.Unlock() }
func (h *heard) Warn(line string)  { h.Log("warning: " + line) }

func (h *heard) Proven(line string)    { h.Log("proven: " + line) }
func (h *heard) Progress(sys.Progress) {}
func (h *heard) Waiting(sys.Waiting)   {}

const secret = "correct horse battery staple"

// newStage makes the programs that Run starts, and a live system with OVMF.
func newStage(t *testing.T, acts map[string][]act) (Options, *heard, sys.System) {
	t.Helper()
	live, bin := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.Symlink(self, filepath.Join(bin, "qemu-system-x86_64")),
		os.WriteFile(filepath.Join(bin, "qemu-img"), []byte("#!/bin/sh\nfor last; do :; done; echo overlay >\"$last\"\n"), 0o755),
		os.WriteFile(filepath.Join(bin, "mount"), []byte("#!/bin/sh\n[ \"$3\" != /bad ]\n"), 0o755),
		os.MkdirAll(filepath.Join(live, "usr/share/OVMF"), 0o755),
		os.WriteFile(filepath.Join(live, places[0].code), nil, 0o644),
		os.WriteFile(filepath.Join(live, places[0].vars), []byte("vars"), 0o644),
		os.WriteFile(filepath.Join(live, "disk.img"), nil, 0o644),
	); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for which, list := range acts {
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(script+which, string(text))
	}
	dir, err := os.MkdirTemp("", "vm") // a short path, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &heard{}
	return Options{
		Disk: filepath.Join(live, "disk.img"), SectorSize: 512, Dir: filepath.Join(dir, "vm"), Live: live, Limit: 3 * time.Minute, Accel: "tcg",
	}, h, &sys.Machine{Reporter: h, Undos: &sys.UndoStack{}}
}

const (
	bds    = "BdsDxe: loading Boot0001 \"UEFI NVMe\"\r\nBdsDxe: starting Boot0001 \"UEFI NVMe\"\r\n"
	stage1 = "\r\n\x1b[1;32m<<< NixOS Stage 1 >>>\x1b[0m\r\n\r\n"
	stage2 = "\x1b[1;32m<<< NixOS Stage 2 >>>\x1b[0m\r\n"
)

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name string
		acts []act
		pass string
		saw  string // in the log
		bad  string // in the error
		kvm  []act  // with KVM tried first
	}{
		{name: "NixOS's script", acts: []act{{Say: bds + stage1}, {Say: stage2}}, saw: "proven: the disk starts in a virtual machine, from the firmware to its init"},
		{name: "systemd", acts: []act{{Say: bds + "Booting initrd of NixOS.\r\n"}, {Say: "Welcome to \x1b[0;34mNixOS 26.05\x1b[0m!\r\n"}}, saw: "proven:"},
		{name: "a login prompt", acts: []act{{Say: bds + "\r\ndemo login: "}}, saw: "proven:"},
		{name: "with a passphrase", pass: secret, acts: []act{
			{Say: bds + stage1 + "Passphrase for /dev/disk/by-partlabel/L: "}, {Await: secret, Say: "\r\n" + secret + " echoed\r\n" + stage2},
		}, saw: "vm: <passphrase> echoed"},
		{name: "systemd's question", pass: secret, acts: []act{
			{Say: "\x1b[0;1;39mPlease enter passphrase for disk x (c):\x1b[0m (press TAB for no echo) "}, {Await: secret, Say: "***\r\nWelcome to NixOS!\r\n"},
		}, saw: "proven:"},
		{name: "asked twice", pass: secret, acts: []act{
			{Say: "Passphrase for x: "}, {Await: secret, Say: "\r\nwrong\r\nPassphrase for x: "}, {Await: secret, Say: stage2},
		}, saw: "proven:"},
		{name: "asked on and on", pass: secret, acts: []act{
			{Say: "Passphrase: "}, {Await: secret, Say: "\r\nPassphrase: "}, {Await: secret, Say: "\r\nPassphrase: "}, {Await: secret, Say: "\r\nPassphrase: "},
		}, bad: "asks for the passphrase again"},
		{name: "no passphrase given", acts: []act{{Say: bds + "Passphrase for x: "}}, saw: "warning: not proven: the boot after the passphrase prompt"},
		{name: "panic", acts: []act{{Say: bds + stage1 + "[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n"}}, bad: "the system came as far as the initrd, and then: [    1.234567] Kernel panic"},
		{name: "emergency", acts: []act{{Say: bds + "[    0.100000] Linux\r\nYou are in emergency mode. After logging in\r\n"}}, bad: "as far as the kernel, and then: You are in emergency mode"},
		{name: "stage 1 fails", acts: []act{{Say: stage1 + "An error occurred in stage 1 of the boot process, which must mount the\r\n"}}, bad: "An error occurred in stage 1"},
		{name: "the firmware finds nothing", acts: []act{{Say: "BdsDxe: failed to load Boot0001 \"UEFI NVMe\" from X: Not Found\r\n"}}, bad: "as far as the firmware, and then: BdsDxe: failed to load"},
		{name: "the welcome of an initrd", acts: []act{{Say: "Welcome to NixOS dracut-1 (Initramfs)!\r\n"}, {Say: "Kernel panic - not syncing\r\n"}}, bad: "Kernel panic"},
		{name: "it restarts", acts: []act{{Say: bds}, {Die: 3}}, bad: "as far as the loader, and then the machine ended: qemu-system-x86_64 failed (exit code 3)"},
		{name: "it does not run", acts: []act{{Die: 1}}, bad: "the machine does not run: qemu-system-x86_64 failed (exit code 1): qemu: failed to initialize kvm"},
		{name: "silence", acts: []act{{Say: bds}}, bad: "as far as the loader within "},
		{name: "KVM that does not run", kvm: []act{{Die: 1}}, acts: []act{{Say: stage2}}, saw: "warning: with KVM the machine does not run"},
		{name: "KVM that panics is no reason to try again", kvm: []act{{Say: "Kernel panic - not syncing\n"}}, acts: []act{{Say: stage2}}, bad: "Kernel panic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, h, s := newStage(t, map[string][]act{"TCG": c.acts, "KVM": c.kvm})
			if c.name == "silence" {
				o.Limit = time.Second
			}
			if c.kvm != nil {
				o.Accel = ""
				if err := errors.Join(os.Mkdir(filepath.Join(o.Live, "dev"), 0o755), os.WriteFile(filepath.Join(o.Live, "dev/kvm"), nil, 0o666)); err != nil {
					t.Fatal(err)
				}
			}
			if c.pass != "" {
				o.Passphrase = []byte(c.pass)
			}
			o.Mounted = []string{"/mnt", "/mnt/boot"}
			err := enginetest.Run(t.Context(), s, Ops(o)...)
			// On a busy machine the limit may pass before the silence begins.
			for c.name == "silence" && !strings.Contains(strings.Join(h.log, ""), "BdsDxe") && o.Limit < time.Minute {
				h.cmds, h.log = nil, nil
				o.Limit *= 2
				err = enginetest.Run(t.Context(), s, Ops(o)...)
			}
			log := strings.Join(h.log, "\n")
			if strings.Contains(log+fmt.Sprint(err), "horse") {
				t.Errorf("the passphrase is in the output:\n%s\n%v", log, err)
			}
			if c.bad == "" && (err != nil || !strings.Contains(log, c.saw)) || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)) {
				t.Errorf("%v\n%s", err, log)
			}
			if fault, ok := errors.AsType[*sys.Fault](err); err != nil && (!ok || fault.Code != sys.CodeBootProof || fault.Hint == "") {
				t.Errorf("%#v", err)
			}
			if _, err := os.Stat(o.Dir); err == nil {
				t.Error("its files stay")
			}
			last := h.cmds[len(h.cmds)-1].Argv
			if !slices.Equal(last, []string{"mount", "-o", "remount,rw", "/mnt/boot"}) {
				t.Errorf("the last command is %q", last)
			}
			for _, c := range h.cmds {
				for _, word := range c.Argv {
					if strings.Contains(word, "driver=file,node-name=disk") && !strings.Contains(word, ",read-only=on,") {
						t.Errorf("the disk is not read-only: %s", word)
					}
				}
			}
		})
	}
}

// Ctrl+C ends the machine, and the target becomes writable again.
func TestStopped(t *testing.T) {
	o, h, s := newStage(t, map[string][]act{"TCG": {{Say: bds}}})
	o.Mounted = []string{"/mnt"}
	why := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for !strings.Contains(func() string { h.mu.Lock(); defer h.mu.Unlock(); return strings.Join(h.log, "") }(), "BdsDxe") {
			time.Sleep(10 * time.Millisecond)
		}
		cancel(why)
	}()
	if err := enginetest.Run(ctx, s, Ops(o)...); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if last := h.cmds[len(h.cmds)-1].Argv; last[2] != "remount,rw" {
		t.Errorf("the last command is %q", last)
	}
}

// A target that is still being written to would be incomplete.
func TestBusyTarget(t *testing.T) {
	o, h, s := newStage(t, nil)
	if err := os.WriteFile(filepath.Join(strings.Split(os.Getenv("PATH"), ":")[0], "mount"),
		[]byte("#!/bin/sh\necho 'mount: /mnt: mount point is busy.' >&2\n[ \"$2\" = remount,rw ]\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	o.Mounted = []string{"/mnt"}
	if err := enginetest.Run(t.Context(), s, Ops(o)...); err == nil || !strings.Contains(err.Error(), "mount point is busy") {
		t.Errorf("%v", err)
	}
	if len(h.cmds) != 2 {
		t.Errorf("%+v", h.cmds)
	}
}

func TestReady(t *testing.T) {
	o, h, s := newStage(t, nil)
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(o.Live, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	o.Accel = ""
	write("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    4000000 kB\n")
	if err := enginetest.Check(t.Context(), s, ReadyOps(o)...); err != nil || !strings.Contains(strings.Join(h.log, "\n"), "warning: there is no KVM") {
		t.Errorf("%v, %q", err, h.log)
	}
	write("dev/kvm", "")
	h.log = nil
	if err := enginetest.Check(t.Context(), s, ReadyOps(o)...); err != nil || strings.Contains(strings.Join(h.log, "\n"), "KVM") || o.accel() != "kvm" {
		t.Errorf("%v, %q", err, h.log)
	}
	write("proc/meminfo", "MemAvailable:    900000 kB\n")
	if err := enginetest.Check(t.Context(), s, ReadyOps(o)...); err == nil || !strings.Contains(err.Error(), "878 MiB of memory are free; a virtual machine needs 1536") {
		t.Errorf("%v", err)
	}
	o.Live = t.TempDir()
	err := enginetest.Check(t.Context(), s, ReadyOps(o)...)
	if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != sys.CodeMachine || !strings.Contains(fault.Cause, "OVMF") {
		t.Errorf("%v", err)
	}
}

func TestBus(t *testing.T) {
	for disk, want := range map[string]string{"/dev/nvme0n1": "nvme,", "/dev/sda": "ide-hd,", "/dev/vda": "virtio-blk-pci,", "/home/sd.img": "nvme,", "/dev/mmcblk0": "nvme,"} {
		if got := bus(disk); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", disk, got)
		}
	}
	o := Options{Disk: "/a,b", Dir: "/d,e", SectorSize: 4096, Live: "/nowhere"}
	line := machine(o, "tcg").String()
	for _, want := range []string{"filename=/a,,b,", "path=/d,,e/serial", "logical_block_size=4096,", "console=ttyS0,,115200"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
}

// No output of a machine reveals the passphrase or makes follow run forever.
func FuzzWatch(f *testing.F) {
	f.Add([]byte(bds+stage1), []byte(stage2))
	f.Add([]byte("Passphrase: "), []byte("\x1b[999;999H Welcome to x!\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		h := &heard{}
		w := &watch{s: &sys.Machine{Reporter: h}, passphrase: []byte(secret)}
		for _, part := range [][]byte{a, b, []byte(secret + "\n")} {
			w.take(part)
			_, err := w.judge()
			if strings.Contains(strings.Join(h.log, "")+fmt.Sprint(err), secret) {
				t.Fatalf("%q, %v", h.log, err)
			}
		}
	})
}

// On NixOS, OVMF is in the store beside QEMU.
func TestFirmwareBesideQEMU(t *testing.T) {
	root := t.TempDir()
	store := filepath.Join(root, "nix/store/x-qemu")
	bin := filepath.Join(root, "bin")
	want := firmware{filepath.Join(store, "share/qemu/edk2-x86_64-code.fd"), filepath.Join(store, "share/qemu/edk2-i386-vars.fd")}
	if err := errors.Join(
		os.MkdirAll(filepath.Join(store, "bin"), 0o755), os.MkdirAll(filepath.Join(store, "share/qemu"), 0o755), os.Mkdir(bin, 0o755),
		os.WriteFile(filepath.Join(store, "bin", program), nil, 0o755), os.Symlink(filepath.Join(store, "bin", program), filepath.Join(bin, program)),
		os.WriteFile(want.code, nil, 0o644), os.WriteFile(want.vars, nil, 0o644),
	); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	if got := besideQEMU(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
