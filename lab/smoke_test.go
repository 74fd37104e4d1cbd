//go:build e2e

package lab

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLabSmoke proves the lab itself: what it installs by hand, with the
// commands that any installer comes down to, boots from its disk alone.
func TestLabSmoke(t *testing.T) {
	image, err := Build(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("plain", func(t *testing.T) { smokePlain(t, image) })
	t.Run("luks", func(t *testing.T) { smokeLUKS(t, image) })
}

// smokePlain installs demo from the flake on the git server.
func smokePlain(t *testing.T, image Image) {
	target := Disk{Path: blank(t), Serial: "TARGET", Bus: NVMe}
	m := start(t, Config{Name: "smoke-plain", Image: image, Stick: true, Network: GitServer, Disks: []Disk{target}})
	awaitLive(t, m)

	lsblk := shell(t, m, "udevadm settle; systemd-analyze; systemd-analyze blame | head -25; systemctl --failed; lsblk -o NAME,RM,RO,TRAN,SIZE,TYPE,FSTYPE,LABEL,SERIAL,MOUNTPOINTS; findmnt -n /iso")
	t.Logf("\n%s", lsblk)
	if rm := shell(t, m, "lsblk -dno RM /dev/disk/by-label/LAB-ISO"); strings.TrimSpace(rm) != "0" {
		t.Errorf("the stick's RM is %q, not 0", rm)
	}

	shell(t, m, `
		udevadm settle
		disk=$(readlink -f `+target.ID()+`)
		printf 'label: gpt\nstart=1MiB, size=1GiB, type=U, name=DEMO-EFI\ntype=L, name=DEMO-ROOT\n' | sfdisk --wipe always $disk
		udevadm settle
		mkfs.vfat -F 32 -n DEMO-EFI ${disk}p1
		mkfs.ext4 -q -L DEMO-ROOT ${disk}p2
		mount --mkdir ${disk}p2 /mnt
		mount --mkdir ${disk}p1 /mnt/boot`)
	lap(t, m, "formatted")
	shell(t, m, `
		for _ in $(seq 50); do ip route | grep -q 10.0.2 && break; sleep 0.2; done
		git clone --quiet git://10.0.2.100/nix-config.git /mnt/etc/nix-config
		install -d -m 700 /mnt/etc/age
		install -m 600 /dev/null /mnt/etc/age/demo.agekey`)
	lap(t, m, "cloned")
	t.Logf("\n%s", shell(t, m, `
		nix build '/mnt/etc/nix-config#nixosConfigurations."demo".config.system.build.toplevel' --store /mnt \
			--extra-substituters 'auto?trusted=1' --option always-allow-substitutes true --out-link /tmp/system -L 2>&1`))
	lap(t, m, "built")
	t.Logf("\n%s", shell(t, m, `nixos-install --system "$(readlink /tmp/system)" --root /mnt --no-root-passwd --no-channel-copy 2>&1`))
	lap(t, m, "installed")
	shell(t, m, "umount -R /mnt")
	powerOff(t, m)
	if changed, err := m.StickChanged(); changed || err != nil {
		t.Errorf("the stick was written to: %v, %v", changed, err)
	}
	if err := CheckDisk(t.Context(), target.Path, target.Sector); err != nil {
		t.Error(err)
	}

	marker := bootAlone(t, image, "smoke-plain-disk", target, nil)
	if marker.Host != "demo" || marker.RootLabel != "DEMO-ROOT" || marker.Mapper != nil || !marker.BootMounted ||
		!marker.RepoPresent || len(marker.Identity) != 1 {
		t.Errorf("the marker is %+v", marker)
	}
}

// smokeLUKS installs demo-luks from the closure on the stick, without a network
// card, and opens it over the console.
func smokeLUKS(t *testing.T, image Image) {
	const passphrase = "correct horse"
	system, err := image.Toplevel("demo-luks")
	if err != nil {
		t.Fatal(err)
	}
	target := Disk{Path: blank(t), Serial: "TARGET", Bus: VirtioBlk, Sector: 4096}
	m := start(t, Config{Name: "smoke-luks", Image: image, Stick: true, Disks: []Disk{target}})
	awaitLive(t, m)
	shell(t, m, `
		udevadm settle
		disk=$(readlink -f `+target.ID()+`)
		printf 'label: gpt\nstart=1MiB, size=1GiB, type=U, name=LUKS1-EFI\ntype=L, name=LUKS1-LUKS\n' | sfdisk --wipe always $disk
		udevadm settle
		printf '`+passphrase+`' | cryptsetup luksFormat --type luks2 --batch-mode --key-file - ${disk}2
		printf '`+passphrase+`' | cryptsetup open --key-file - ${disk}2 demo-crypt
		mkfs.vfat -F 32 -n LUKS1-EFI ${disk}1
		mkfs.ext4 -q -L LUKS1-ROOT /dev/mapper/demo-crypt
		mount --mkdir /dev/mapper/demo-crypt /mnt
		mount --mkdir ${disk}1 /mnt/boot`)
	lap(t, m, "formatted")
	shell(t, m, "nixos-install --system "+system+" --root /mnt --no-root-passwd --no-channel-copy 2>&1")
	lap(t, m, "installed")
	shell(t, m, "umount -R /mnt; e2fsck -fn /dev/mapper/demo-crypt; cryptsetup close demo-crypt")
	powerOff(t, m)
	if err := CheckDisk(t.Context(), target.Path, target.Sector); err != nil {
		t.Error(err)
	}

	marker := bootAlone(t, image, "smoke-luks-disk", target, func(ctx context.Context, c *Console) error {
		if err := c.ExpectString(ctx, "Please enter passphrase"); err != nil {
			return err
		}
		if err := c.Type("wrong\r"); err != nil {
			return err
		}
		if err := c.ExpectString(ctx, "wrong passphrase"); err != nil {
			return err
		}
		if err := c.ExpectString(ctx, "Please enter passphrase"); err != nil {
			return err
		}
		return c.Type(passphrase + "\r")
	})
	if marker.Host != "demo-luks" || marker.Mapper == nil || *marker.Mapper != "demo-crypt" || marker.RootDevice != "/dev/mapper/demo-crypt" {
		t.Errorf("the marker is %+v", marker)
	}
}

// bootAlone starts the installed disk and nothing else, holds the dialogue it
// needs, and returns what the system says about itself.
func bootAlone(t *testing.T, image Image, name string, disk Disk, dialogue func(context.Context, *Console) error) Marker {
	t.Helper()
	m := start(t, Config{Name: name, Image: image, Disks: []Disk{disk}, Memory: 2048})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if dialogue != nil {
		if err := dialogue(ctx, m.Console); err != nil {
			t.Fatal(err)
		}
	}
	marker, err := m.Console.ExpectMarker(ctx)
	if err != nil {
		t.Fatal(err)
	}
	lap(t, m, "disk booted")
	if _, err := m.Screenshot(ctx, "marker"); err != nil {
		t.Error(err)
	}
	if err := m.AwaitOff(ctx); err != nil {
		t.Error(err)
	}
	return marker
}

func start(t *testing.T, config Config) *Machine {
	t.Helper()
	m, err := Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	t.Logf("%s runs with %s", config.Name, m.Accel)
	return m
}

func awaitLive(t *testing.T, m *Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := m.AwaitAgent(ctx); err != nil {
		t.Fatal(err)
	}
	lap(t, m, "live")
}

func shell(t *testing.T, m *Machine, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := m.Agent.Shell(ctx, script)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func powerOff(t *testing.T, m *Machine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := m.PowerOff(ctx); err != nil {
		t.Fatal(err)
	}
	lap(t, m, "off")
}

func lap(t *testing.T, m *Machine, what string) {
	t.Helper()
	t.Logf("%6.1fs %s", time.Since(m.Started).Seconds(), what)
}

func blank(t *testing.T) string {
	t.Helper()
	path, err := CreateDisk(filepath.Join(t.TempDir(), "target.img"), 4<<30)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
