//go:build e2e && nixos

package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

// TestNixOSSwap installs the plain host swap by flags, from a stick that flash wrote. The
// power is cut while the system is copied and while its boot loader is written, the boot
// loader cannot be written once, and each time the install is resumed. The host is
// relabelled while it runs.
func TestNixOSSwap(t *testing.T) {
	target := disk(t, "TARGET", NVMe, 512, 8*gib)
	image := nixosISO(t, "swap")
	stick := flashed(t, image)
	live := func(name string) *installer {
		i := nixos(t, Config{Name: "nixos-swap-" + name, Image: image, Disks: []Disk{stick, target}}, nil)
		i.write("/run/bundle", sealed)
		return i
	}
	install := func(more ...string) []string {
		return installArgs("swap", target, append(more, "--bundle-passphrase-file", "/run/bundle")...)
	}

	i := live("first")
	i.healthy()
	other, err := age.GenerateX25519Identity()
	i.must(err)
	i.refused(7, "password.age", installArgs("swap", target, "--age-identity", i.write("/run/other.agekey", other.String()+"\n"))...)
	i.cutOff(install())

	i = live("second")
	i.inTheWay("nixos-install", `mount -o remount,ro /mnt/boot; exec $real "$@"`)
	i.refused(10, "nixos-install", install("--resume")...)
	i.letGo()
	i.inTheWay("nixos-install", `
"$real" "$@" &
installing=$!
until [ -e /mnt/boot/EFI/systemd ] || ! kill -0 $installing; do sleep 0.1; done
kill -STOP $installing; touch /run/copying; exec sleep infinity`)
	i.cuts(install("--resume"))

	i = live("third")
	i.mustRun(install("--resume")...)
	i.letGo()
	powerOff(t, i.Machine)
	i.clean(target)

	i.share, err = programs()
	i.must(err)
	i.startsInVM(target)
	swap := installed{"swap", target, "/boot/loader/entries/nixos-generation-$generation*.conf", nil}
	i = swap.starts(t, image, 1)
	labels := shell(t, i.Machine, `
		tail -n +2 /proc/swaps | wc -l
		cp /etc/host.toml /run/new.toml
		sed -i s/SWAP-/NEW-/ /run/new.toml
		auto-installer relabel --host /run/new.toml --confirm yes
		udevadm settle
		ls /dev/disk/by-label`)
	if !strings.HasPrefix(labels, "1\n") || !strings.Contains(labels, "labels read back") || !strings.HasSuffix(labels, "\nNEW-EFI\nNEW-ROOT\nNEW-SWAP\n") {
		t.Errorf("relabelled:\n%s", labels)
	}
	i.nextGeneration()
	swap.starts(t, image, 2)
}

// flashed writes an ISO to a stick, by the program on the lab's live system.
func flashed(t *testing.T, image Image) Disk {
	t.Helper()
	stick := disk(t, "STICK", USBRemov, 512, 4*gib)
	i := liveMachine(t, Config{Name: "nixos-flash", Disks: []Disk{stick}})
	iso, err := filepath.EvalSymlinks(image.Stick())
	i.must(err)
	i.must(os.Link(iso, filepath.Join(i.share, "nixos.iso")))
	i.mustRun("flash", "/lab/nixos.iso", stick.ID(), "--confirm", "yes")
	i.Cut()
	return stick
}

// TestNixOSNetwork installs the host grub from its repo on a git server. The medium
// evaluates it and fetches its packages from a binary cache.
func TestNixOSNetwork(t *testing.T) {
	target := disk(t, "TARGET", VirtioBlk, 512, 8*gib)
	image := nixosISO(t, "grub")
	served := t.TempDir()
	web := nixosBuild(t, "--serve", "grub", served)
	i := nixos(t, Config{
		Name: "nixos-grub", Image: image, Stick: true, Network: GitServer, GitDir: served, Web: web, Disks: []Disk{target}, Memory: 4096,
	}, nil)
	i.healthy()
	i.mustRun(installArgs("grub", target, "--bundle-passphrase-file", i.write("/run/bundle", sealed))...)
	i.letGo()
	powerOff(t, i.Machine)
	i.untouched()
	i.clean(target)
	grub := installed{"grub", target, "/boot/grub/grub.cfg", nil}
	grub.starts(t, image, 1)
}
