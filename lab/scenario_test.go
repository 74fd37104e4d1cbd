//go:build e2e

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// liveImage is built once for all scenarios.
var liveImage = sync.OnceValues(func() (Image, error) { return Build(context.Background(), os.Stderr) })

// programs is a folder with the program under test and the spy, built once.
var programs = sync.OnceValues(func() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "lab/out/programs")
	return dir, errors.Join(build(context.Background(), ".", filepath.Join(dir, "auto-installer")),
		build(context.Background(), "./lab/cmd/spy", filepath.Join(dir, "spy")))
})

// givePrograms copies them into a folder.
func givePrograms(t *testing.T, dir string) {
	t.Helper()
	built, err := programs()
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(built))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// installer is the live machine with a scenario's helpers.
type installer struct {
	*Machine
	t     *testing.T
	share string // /lab of the live system
}

// liveMachine boots the stick with the program under test at /lab.
func liveMachine(t *testing.T, c Config) *installer {
	t.Helper()
	image, err := liveImage()
	if err != nil {
		t.Fatal(err)
	}
	share := t.TempDir()
	givePrograms(t, share)
	c.Name = or(c.Name, strings.ReplaceAll(t.Name(), "/", "-"))
	c.Image, c.Stick, c.Share = image, true, share
	c.Saved = !c.Kiosk && !c.BIOS && c.Memory == 0 // otherwise the boot is under test
	m := start(t, c)
	awaitLive(t, m)
	shell(t, m, "udevadm settle")
	return &installer{m, t, share}
}

// run starts the program in the live system and waits for its end.
func (i *installer) run(args ...string) Result {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	r, err := i.Agent.Run(ctx, nil, append([]string{"auto-installer"}, args...)...)
	if err != nil {
		i.t.Fatal(err)
	}
	return r
}

// mustRun is run for a command that must succeed.
func (i *installer) mustRun(args ...string) []byte {
	i.t.Helper()
	r := i.run(args...)
	lap(i.t, i.Machine, "auto-installer "+args[0])
	if r.Exit != 0 {
		i.t.Fatalf("auto-installer %s: exit code %d\n%s%s", args, r.Exit, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// install runs an install without questions. The machine stays on.
func (i *installer) install(host string, disk Disk, more ...string) {
	i.t.Helper()
	i.mustRun(installArgs(host, disk, more...)...)
	i.timed()
	i.planHeld(host, disk, more...)
	i.letGo()
}

func installArgs(host string, disk Disk, more ...string) []string {
	args := []string{"install", "--host", host, "--confirm", "yes", "--no-power"}
	if disk.Serial != "" {
		args = append(args, "--disk", disk.ID())
	}
	return append(args, more...)
}

// letGo checks that an install has left nothing behind in the live system.
func (i *installer) letGo() {
	i.t.Helper()
	left := shell(i.t, i.Machine, `
		# Few commands: in emulation each takes a tenth of a second to start.
		shopt -s nullglob
		grep ' /mnt' /proc/self/mountinfo || true
		for name in /sys/class/block/dm-*/dm/name; do read -r name <"$name"; echo "mapper $name"; done
		# Swap on an unplugged disk cannot be switched off.
		while read -r swap _; do [[ $swap != /* || ! -e $swap ]] || echo "$swap is swapped to"; done </proc/swaps
		for file in /sys/class/block/loop*/loop/backing_file; do read -r file <"$file"; [[ $file == *squashfs ]] || echo "loop device of $file"; done
		for comm in /proc/[0-9]*/comm; do
			{ read -r name <"$comm"; } 2>/dev/null || continue
			[[ ! $name =~ cryptsetup|nix|ssh-agent|git|sfdisk|mkfs ]] || echo "$comm: $name"
		done
		ls /run/auto-installer/deploy-key /run/auto-installer/running/* 2>/dev/null || true
		undo=[]
		[[ ! -e /run/auto-installer/undo.json ]] || read -r undo </run/auto-installer/undo.json || true
		[[ $undo == '[]' || $undo == null ]] || echo "not undone: $undo"`)
	left += i.keptSecrets()
	if strings.TrimSpace(left) != "" {
		i.t.Errorf("left behind:\n%s", left)
	}
}

// keptSecrets names the files in memory that hold a secret. The search terms go by
// standard input, since the agent logs commands in the journal.
func (i *installer) keptSecrets() string {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	r, err := i.Agent.Run(ctx, []byte(passphrase+"\nAGE-SECRET-KEY-1[A-Z0-9]\\{58\\}\n"), "grep", "-rlsf", "-", "/run/auto-installer", "/tmp")
	if err != nil {
		i.t.Fatal(err)
	}
	return string(r.Stdout)
}

// refused runs the program and expects this exit code and these words on
// standard error.
func (i *installer) refused(exit int, words string, args ...string) {
	i.t.Helper()
	i.judge(i.run(args...), exit, words, args)
}

// judge checks that a run was refused with this exit code and these words.
func (i *installer) judge(r Result, exit int, words string, args []string) {
	i.t.Helper()
	all := string(r.Stdout) + string(r.Stderr)
	if r.Exit != exit {
		i.t.Errorf("auto-installer %s: exit code %d, want %d\n%s", args, r.Exit, exit, all)
	}
	if !strings.Contains(all, words) || !strings.Contains(all, "error: ") || !strings.Contains(all, "hint: ") {
		i.t.Errorf("auto-installer %s: want error, hint and %q in\n%s", args, words, all)
	}
}

// write writes a file into the live system.
func (i *installer) write(name, data string) string {
	i.t.Helper()
	if err := i.Agent.WriteFile(i.t.Context(), name, []byte(data)); err != nil {
		i.t.Fatal(err)
	}
	return name
}

// disk makes a scenario's disk; sector is 512 or 4096.
func disk(t *testing.T, serial string, bus Bus, sector int, size int64) Disk {
	t.Helper()
	path, err := CreateDisk(filepath.Join(t.TempDir(), serial+".img"), size)
	if err != nil {
		t.Fatal(err)
	}
	return Disk{Path: path, Serial: serial, Bus: bus, Sector: sector}
}

func hash(t *testing.T, d Disk) string {
	t.Helper()
	sum, err := HashDisk(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// off cuts the power of the live system, since a finished install has everything on the
// disk, and checks what it wrote: the target must be clean, the stick unchanged.
func (i *installer) off(target Disk) {
	i.t.Helper()
	i.Cut()
	i.untouched()
	i.clean(target)
}

func (i *installer) untouched() {
	i.t.Helper()
	if changed, err := i.StickChanged(); changed || err != nil {
		i.t.Errorf("stick changed: %v, %v", changed, err)
	}
}

func (i *installer) clean(target Disk) {
	i.t.Helper()
	if err := CheckDisk(i.t.Context(), target.Path, target.Sector); err != nil {
		i.t.Error(err)
	}
}

// boots boots the installed disk alone and checks its host, /boot and the repo.
func (i *installer) boots(target Disk, host string, dialogue func(context.Context, *Machine) error) Marker {
	i.t.Helper()
	m := bootAlone(i.t, i.Image, i.Name+"-disk", target, dialogue)
	if m.Host != host || !m.BootMounted || !m.RepoPresent {
		i.t.Errorf("the marker is %+v", m)
	}
	return m
}

var oneProof sync.Mutex

// startsInVM has the program start the disk in its own virtual machine, on the host, and
// checks that it writes nothing to the disk.
func (i *installer) startsInVM(target Disk, more ...string) {
	i.t.Helper()
	before := hash(i.t, target)
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	args := append([]string{"prove-boot", target.Path, "--accel", Accel(ctx, i.Image)}, more...)
	oneProof.Lock() // only one task runs at a time
	defer oneProof.Unlock()
	out, err := exec.CommandContext(ctx, filepath.Join(i.share, "auto-installer"), args...).CombinedOutput()
	lap(i.t, i.Machine, "started in a virtual machine")
	if err != nil || !strings.Contains(string(out), "proven: the disk starts in a virtual machine, from the firmware to its init") {
		i.t.Errorf("auto-installer %s: %v\n%s", args, err, out)
	}
	if strings.Contains(string(out), passphrase) {
		i.t.Error("the passphrase is in the output")
	}
	if hash(i.t, target) != before {
		i.t.Error("prove-boot wrote to the disk")
	}
}

// keepFile writes a file on the host and returns its path.
func (i *installer) keepFile(name, data string) string {
	i.t.Helper()
	file := filepath.Join(i.t.TempDir(), name)
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		i.t.Fatal(err)
	}
	return file
}

// fact returns the marker's facts about a path.
func fact(m Marker, path string) string {
	for _, f := range slices.Concat(m.Identity, m.Paths) {
		if f.Path == path {
			return fmt.Sprintf("%s %s:%s in %s", f.Mode, f.UID, f.GID, f.DirMode)
		}
	}
	return "not there"
}
