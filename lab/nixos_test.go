//go:build e2e && nixos

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sealed is the passphrase of the hosts' sealed keys, and password the one that the
// hosts' secret gives their user; lab/nixos/config makes both.
const (
	sealed   = "correct horse battery staple"
	password = "nixos"
)

// nixosISO returns the real installer ISO of a host, as an image.
func nixosISO(t *testing.T, host string) Image {
	t.Helper()
	image := Image{Dir: t.TempDir()}
	if err := os.Symlink(nixosBuild(t, host+"InstallerIso"), image.Stick()); err != nil {
		t.Fatal(err)
	}
	return image
}

// nixosBuild runs lab/nixos/build and returns what it prints.
func nixosBuild(t *testing.T, args ...string) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), filepath.Join(root, "lab/nixos/build"), args...)
	var out bytes.Buffer
	build.Stdout, build.Stderr = &out, os.Stderr
	if err := build.Run(); err != nil {
		t.Fatalf("lab/nixos/build: %v", err)
	}
	return strings.TrimSpace(out.String())
}

// nixos starts a machine of real NixOS and waits until it is up.
func nixos(t *testing.T, c Config, dialogue func(context.Context, *Machine) error) *installer {
	t.Helper()
	m := start(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), Hung)
	defer cancel()
	if dialogue != nil {
		if err := dialogue(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	up := make(chan struct{})
	go m.film(ctx, up)
	awaitLive(t, m)
	close(up)
	return &installer{Machine: m, t: t}
}

// film takes pictures of the screen until the machine is up: what a person sees before any
// screen of ours.
func (m *Machine) film(ctx context.Context, up chan struct{}) {
	for n := 1; ; n++ {
		select {
		case <-up:
			return
		case <-time.After(20 * time.Second):
			if _, err := m.Screenshot(ctx, fmt.Sprintf("starts-%02d", n)); err != nil {
				return
			}
		}
	}
}

// healthy waits until systemd has started everything, and fails for every unit that did
// not start.
func (i *installer) healthy() {
	i.t.Helper()
	state := shell(i.t, i.Machine, `
		systemctl is-system-running --wait || true
		for unit in $(systemctl --failed --plain --no-legend | cut -d' ' -f1); do
			systemctl status --no-pager --lines 5 "$unit" || true
		done`)
	if strings.TrimSpace(state) != "running" {
		i.t.Errorf("the system is\n%s", state)
	}
	lap(i.t, i.Machine, "healthy")
}

// TestNixOSLUKS installs the host luks from its real ISO by keys, starts the disk alone,
// and logs in with the password of an agenix secret.
func TestNixOSLUKS(t *testing.T) {
	ctx := t.Context()
	target := disk(t, "TARGET", NVMe, 512, 8*gib)
	image := nixosISO(t, "luks")
	i := nixos(t, Config{Name: "nixos-luks", Image: image, Stick: true, Network: GitServer, Disks: []Disk{target}}, nil)
	first := &Operator{Terminal: VT{i.Machine, 1}, Pictures: true}
	second := &Operator{Terminal: NewSerial(i.Machine)}
	i.must(do(first.at(ctx, "Welcome"), first.shot(ctx, "booted"), second.at(ctx, "Welcome")))
	i.healthy()

	// Killed, the screens come back; the rescue shell and the log are on other consoles.
	shell(t, i.Machine, "systemctl kill --signal KILL auto-installer.service")
	i.must(first.at(ctx, "Welcome")())
	i.switches(2)
	rescue := &Operator{Terminal: VT{i.Machine, 2}, Pictures: true, taken: 100}
	i.must(do(rescue.see(ctx, "rescue shell", "# "), rescue.types(ctx, "id -un; tty; echo $((6*7)) $TERM\n"),
		rescue.see(ctx, "root /dev/tty2 42 linux"), rescue.shot(ctx, "tty2")))
	i.switches(3)
	log := &Operator{Terminal: VT{i.Machine, 3}, Pictures: true, taken: 200}
	i.must(do(log.see(ctx, "waiting for an install"), log.shot(ctx, "tty3")))
	i.switches(1)
	lap(t, i.Machine, "consoles")

	i.must(first.Welcome(ctx))
	i.must(first.Keyboard(ctx))
	i.must(first.Keys(ctx, "seal those keys", sealed))
	i.must(first.ChooseDisk(ctx, "TARGET"))
	i.must(first.Plan(ctx))
	i.must(first.Passphrase(ctx, passphrase))
	i.must(first.NoRecoveryKey(ctx))
	i.must(first.Confirm(ctx, "yse"))
	i.must(first.Watch(ctx))
	lap(t, i.Machine, "installed")
	i.letGo()
	i.must(first.Press(ctx, "enter"))
	i.must(i.AwaitOff(ctx))
	i.untouched()
	i.clean(target)

	luks := installed{"luks", target, "/boot/loader/entries/nixos-generation-$generation*.conf", typed}
	luks.starts(t, image, 1).nextGeneration()
	luks.starts(t, image, 2)
}

// installed is a NixOS host of the lab on its disk.
type installed struct {
	host   string
	disk   Disk
	entry  string // the file that names the init of the system to start, for bash, with $generation
	unlock func(context.Context, *Machine) error
}

// starts starts the disk alone, and checks the host's login, keys and generation.
func (h installed) starts(t *testing.T, image Image, generation int) *installer {
	t.Helper()
	ctx := t.Context()
	i := nixos(t, Config{Name: fmt.Sprintf("nixos-%s-%d", h.host, generation), Image: image, Disks: []Disk{h.disk}}, h.unlock)
	i.healthy()
	tty := &Operator{Terminal: VT{i.Machine, 1}, Pictures: true}
	i.must(do(tty.see(ctx, h.host+" login:"), tty.shot(ctx, "login"), tty.types(ctx, "me\n"), tty.see(ctx, "Password:"),
		tty.types(ctx, password+"\n"), tty.see(ctx, "[me@"+h.host+":~]$"), tty.shot(ctx, "logged-in")))
	lap(t, i.Machine, "logged in")
	facts := shell(t, i.Machine, fmt.Sprintf("generation=%d", generation)+`
		stat -c '%a %U %n' /etc/age /etc/age/*
		readlink /nix/var/nix/profiles/system
		[[ $(readlink -f /nix/var/nix/profiles/system) == $(readlink -f /run/current-system) ]] && echo the profile runs
		grep -q "init=$(readlink -f /run/current-system)/init" `+h.entry+` && echo the boot entry starts it`)
	if want := fmt.Sprintf("700 root /etc/age\n600 root /etc/age/%s.agekey\nsystem-%d-link\nthe profile runs\nthe boot entry starts it\n", h.host, generation); facts != want {
		t.Errorf("the installed host has\n%s\nwant\n%s", facts, want)
	}
	return i
}

// nextGeneration makes the host's other system the one that starts from now on.
func (i *installer) nextGeneration() {
	i.t.Helper()
	shell(i.t, i.Machine, `
		nix-env --profile /nix/var/nix/profiles/system --set /run/current-system/specialisation/second
		/nix/var/nix/profiles/system/bin/switch-to-configuration boot`)
	i.must(i.PowerOff(i.t.Context()))
}
