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
// secret of the host luks gives its user; lab/nixos/config makes both.
const (
	sealed   = "correct horse battery staple"
	password = "nixos"
)

// nixosISO returns the real installer ISO of a host, as an image.
func nixosISO(t *testing.T, host string) Image {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), filepath.Join(root, "lab/nixos/build"), host+"InstallerIso")
	var out bytes.Buffer
	build.Stdout, build.Stderr = &out, os.Stderr
	if err := build.Run(); err != nil {
		t.Fatalf("lab/nixos/build: %v", err)
	}
	image := Image{Dir: t.TempDir()}
	if err := os.Symlink(strings.TrimSpace(out.String()), image.Stick()); err != nil {
		t.Fatal(err)
	}
	return image
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

	i.startsNixOS(image, target, 1)
	i.startsNixOS(image, target, 2)
}

// startsNixOS starts the disk alone, checks the host luks, and makes its next generation.
func (i *installer) startsNixOS(image Image, target Disk, generation int) {
	t, ctx := i.t, i.t.Context()
	t.Helper()
	i = nixos(t, Config{Name: fmt.Sprintf("nixos-luks-%d", generation), Image: image, Disks: []Disk{target}}, typed)
	i.healthy()
	tty := &Operator{Terminal: VT{i.Machine, 1}, Pictures: true}
	i.must(do(tty.see(ctx, "luks login:"), tty.shot(ctx, "login"), tty.types(ctx, "me\n"), tty.see(ctx, "Password:"),
		tty.types(ctx, password+"\n"), tty.see(ctx, "[me@luks:~]$"), tty.shot(ctx, "logged-in")))
	lap(t, i.Machine, "logged in")
	facts := shell(t, i.Machine, `
		stat -c '%a %U %n' /etc/age /etc/age/luks.agekey
		readlink /nix/var/nix/profiles/system
		[[ $(readlink -f /nix/var/nix/profiles/system) == $(readlink -f /run/current-system) ]] && echo the profile runs
		grep -h '^options' /boot/loader/entries/nixos-generation-`+fmt.Sprint(generation)+`*.conf | grep -c "init=$(readlink -f /run/current-system)/init"`)
	if want := fmt.Sprintf("700 root /etc/age\n600 root /etc/age/luks.agekey\nsystem-%d-link\nthe profile runs\n1\n", generation); facts != want {
		t.Errorf("the installed host has\n%s\nwant\n%s", facts, want)
	}
	shell(t, i.Machine, `
		if [[ -e /run/current-system/specialisation/second ]]; then
			nix-env --profile /nix/var/nix/profiles/system --set /run/current-system/specialisation/second
			/nix/var/nix/profiles/system/bin/switch-to-configuration boot
		fi`)
	i.must(i.PowerOff(ctx))
}
