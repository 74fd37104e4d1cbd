//go:build e2e

package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"auto-installer/modules"
)

// rig is a machine for many installs, into which a fault is injected.
type rig struct {
	*installer
	group  *testing.T // of all its installs
	fault  *fault
	target Disk
	other  Disk   // another one, with data
	before string // its hash
	dying  string // a file: while it exists, reads and writes of the target fail
	armed  string // what the watcher runs, see fault.arm

	kept       string // files for each live system, as a base64 tar
	plain, all hostArgs
	seconds    map[string]float64 // of each step
	boots      int
}

// hostArgs are a host and the arguments of its install.
type hostArgs struct {
	file string
	args []string
}

func newRig(t *testing.T, f *fault) *rig {
	t.Helper()
	r := &rig{group: t, fault: f, seconds: map[string]float64{}}
	bus := NVMe
	if f.usb {
		bus = USB
	}
	r.target = disk(t, "TARGET", bus, 512, 5*gib)
	if f.dies {
		r.target, r.dying = failing(t, r.target)
	}
	r.other = disk(t, "OTHER", VirtioBlk, 512, 1*gib)
	r.boot()
	shell(t, r.Machine, "mkfs.ext4 -q -L other "+r.other.ID()+"; sync")
	r.before = hash(t, r.other)
	r.write("/run/contract.nix", modules.Contract)
	// Like the hosts' medium, so that an install need not evaluate them.
	r.kept = shell(t, r.Machine, `
		for host in demo-swap demo-full; do
			mkdir -p /etc/auto-installer/hosts/$host
			nix --extra-experimental-features 'nix-command flakes' eval --json --offline \
				"git+file:///iso/auto-installer/nix-config#nixosConfigurations.$host.config" \
				--apply "$(cat /run/contract.nix)" >/etc/auto-installer/hosts/$host/contract.json
		done
		umask 077
		age-keygen -o /run/host.agekey 2>/dev/null
		ssh-keygen -q -t ed25519 -N '' -C campaign -f /run/deploy
		tar -c -C / run/host.agekey run/deploy etc/auto-installer | base64`)
	return r
}

// boot starts the live system.
func (r *rig) boot() {
	r.group.Helper()
	r.boots++
	r.installer = liveMachine(r.group, Config{
		Name:    fmt.Sprintf("campaign-%s-%d", r.fault.id(), r.boots),
		Network: GitServer, Disks: []Disk{r.target, r.other},
	})
	i := r.installer
	i.write("/run/passphrase", passphrase)
	if r.kept != "" {
		i.write("/run/kept", r.kept)
		shell(r.group, r.Machine, "base64 -d /run/kept | tar -x -p -C /; rm /run/kept")
	}
	identity := []string{"--age-identity", "/run/host.agekey"}
	r.plain = hostArgs{file: i.host("demo-swap"), args: identity}
	if r.fault.flake {
		r.plain = hostArgs{file: "demo", args: identity}
	}
	r.all = hostArgs{file: i.host("demo-full"), args: append(slices.Clone(identity), "--deploy-key", "/run/deploy", "--passphrase-file", "/run/passphrase")}
}

// on gives the rig to one test of its group.
func (r *rig) on(t *testing.T) *rig {
	r.t = t
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// host returns the host to install for a step: the quick one, unless it has no such step.
func (r *rig) host(step string) hostArgs {
	if step == "encrypt" || step == "sshkey" {
		return r.all
	}
	return r.plain
}

// failing backs a disk with a server that fails every request while the returned file
// exists.
func failing(t *testing.T, d Disk) (Disk, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "nbd-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d.NBD = filepath.Join(dir, "socket")
	file := filepath.Join(dir, "fail")
	var log bytes.Buffer
	cmd := exec.Command("nbdkit", "--foreground", "--exit-with-parent", "--unix", d.NBD, "--filter=error", "file", d.Path,
		"error=EIO", "error-rate=100%", "error-file="+file)
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot run nbdkit, which ./bootstrap installs: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 100 {
		if _, err := os.Stat(d.NBD); err == nil {
			return d, file
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nbdkit does not listen:\n%s", log.String())
	return d, file
}

// copyDisk copies an image, into the existing file if there is one.
func (r *rig) copyDisk(from, to string) {
	r.t.Helper()
	_, err := tool(r.t.Context(), "cp", "--sparse=always", from, to)
	r.must(err)
}

// putBack restores the disk's content at the time of the fault while the live system
// runs, and drops the kernel's caches of it.
func (r *rig) putBack(b blow) {
	r.t.Helper()
	r.copyDisk(b.disk, r.target.Path)
	shell(r.t, r.Machine, `
		for dev in `+r.target.ID()+` `+r.target.ID()+`-part?; do blockdev --flushbufs $dev; done
		blockdev --rereadpt `+r.target.ID()+`
		udevadm settle`)
}

// cutPower ends the machine at once.
func (r *rig) cutPower() { r.must(r.Close()) }

// othersUntouched checks the disk that was not chosen.
func (r *rig) othersUntouched() {
	r.t.Helper()
	if hash(r.t, r.other) != r.before {
		r.t.Error("the install wrote to another disk")
	}
}
