//go:build e2e

package lab

import (
	"context"
	"os/exec"
	"strings"
	"testing"
)

// relabelled is the labels that the hosts get once they run: SWAP1-ROOT
// becomes NEW-ROOT, and so on.
var relabelled = strings.NewReplacer("SWAP1-", "NEW-", "FULL1-", "NEW-")

// Scenario: a host whose configuration goes by other labels than it shall. It
// runs from its disk, is relabelled while it does, is switched to a system that
// goes by the new labels, and starts by them. Before that one label fails, and
// all of them come back.
func TestRelabel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, host string
		sector     int
		unlock     func(context.Context, *Machine) error
		root       string // device of the root file system
		lines      []string
		want       map[int][2]string // name and label of each partition
	}{
		{
			"plain", "demo-swap", 512, nil, "/dev/nvme0n1p2",
			[]string{`swapDevices = [ { device = "/dev/disk/by-label/NEW-SWAP"; } ];`},
			map[int][2]string{1: {"NEW-EFI", "NEW-EFI"}, 2: {"NEW-ROOT", "NEW-ROOT"}, 3: {"NEW-SWAP", "NEW-SWAP"}},
		},
		{
			"encrypted", "demo-full", 4096, unlock, "/dev/mapper/demo-crypt",
			[]string{
				`swapDevices = [ { device = "/dev/disk/by-partlabel/NEW-SWAP"; randomEncryption.enable = true; } ];`,
				`boot.initrd.luks.devices."demo-crypt".device = "/dev/disk/by-label/NEW-LUKS";`,
			},
			map[int][2]string{1: {"NEW-EFI", "NEW-EFI"}, 2: {"NEW-LUKS", "NEW-LUKS"}, 3: {"NEW-SWAP", ""}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target := disk(t, "TARGET", NVMe, c.sector, 5*gib)
			i := liveMachine(t, Config{Disks: []Disk{target}})
			var more []string
			if c.unlock != nil {
				more = []string{"--passphrase-file", i.write("/run/passphrase", passphrase)}
			}
			i.install(i.host(c.host), target, more...)
			i.prepareRelabel(target, c.host, c.root)
			i.off(target)

			m := start(t, Config{Name: i.Name + "-running", Image: i.Image, Disks: []Disk{target}, Memory: 2048})
			said := m.relabel(t, c.unlock)
			for _, words := range append(c.lines, "nothing was changed; add --confirm yes to change the labels", "every old label is restored",
				`fileSystems."/".device = "/dev/disk/by-label/NEW-ROOT";`, `fileSystems."/boot".device = "/dev/disk/by-label/NEW-EFI";`,
				"6 labels read back from the disk") {
				if !strings.Contains(said, words) {
					t.Errorf("it did not say %q:\n%s", words, said)
				}
			}
			i.clean(target)
			i.labelled(target, c.want)

			marker := i.boots(target, c.host, c.unlock)
			if marker.RootLabel != "NEW-ROOT" || marker.RootDevice != c.root || marker.Swap == nil {
				t.Errorf("the marker is %+v, swap %+v", marker, marker.Swap)
			}
		})
	}
}

// unlock answers the boot prompt.
func unlock(ctx context.Context, m *Machine) error {
	if err := m.Console.ExpectString(ctx, "Please enter passphrase"); err != nil {
		return err
	}
	return m.Console.Type(passphrase + "\r")
}

// prepareRelabel gives the installed system the program and what it runs on a
// NixOS; a system that goes by the new labels; and a shell when it starts. The
// demo system itself has little more than busybox.
func (i *installer) prepareRelabel(d Disk, host, root string) {
	i.t.Helper()
	root = strings.Replace(root, "/dev/nvme0n1p", d.ID()+"-part", 1)
	i.write("/run/new.toml", relabelled.Replace(i.hostTOML(host)))
	i.write("/run/relabel.sh", relabelScript)
	shell(i.t, i.Machine, `
		[ ! -e /run/passphrase ] || cryptsetup open --key-file /run/passphrase `+d.ID()+`-part2 demo-crypt
		mount `+root+` /mnt
		mount `+d.ID()+`-part1 /mnt/boot
		mkdir -p /mnt/lab/bin /mnt/lib64 /mnt/usr/lib/udev
		cd /mnt/lab
		cp /run/new.toml /run/relabel.sh /lab/auto-installer .
		PATH=/usr/sbin:/usr/bin
		for tool in lsblk blkid e2label fatlabel swaplabel sfdisk udevadm mount umount swapoff swapon cryptsetup; do
			cp -L "$(command -v $tool)" bin/
			ldd "$(command -v $tool)"
		done | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r lib; do
			mkdir -p "/mnt/usr$(dirname "${lib#/usr}")"
			cp -L "$lib" "/mnt/usr${lib#/usr}"
		done
		cp -L /lib64/ld-linux-x86-64.so.2 /mnt/lib64/
		ln -s usr/lib /mnt/lib
		ln -s udevadm bin/systemd-udevd
		cp -a /usr/lib/udev/rules.d /usr/lib/udev/*_id /mnt/usr/lib/udev/

		cp -r /iso/auto-installer/nix-config /run/nix-config
		cd /run/nix-config
		cp /run/new.toml hosts/`+host+`/host.toml
		export GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@localhost GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@localhost
		git commit --quiet --all --message 'The new labels'
		nix build --store /mnt --extra-substituters 'auto?trusted=1' --option substitute true --option always-allow-substitutes true \
			--no-link --print-out-paths '/run/nix-config#nixosConfigurations."`+host+`".config.system.build.toplevel' >/mnt/lab/system

		sed -i 's/^options .*/& lab.shell/' /mnt/boot/loader/entries/*.conf
		umount /mnt/boot /mnt
		[ ! -e /run/passphrase ] || cryptsetup close demo-crypt`)
	lap(i.t, i.Machine, "given its tools")
}

// relabelScript runs in the installed system. udev is started first, as a NixOS
// would have done.
const relabelScript = `
export PATH=/lab/bin:/lab:$PATH
mkdir -p /run/udev
systemd-udevd --daemon
udevadm trigger --action=change
udevadm settle
labels() { for d in /dev/nvme0n1p? /dev/mapper/demo-crypt; do [ -e $d ] && blkid --probe --output full --match-tag LABEL $d; done; ls /dev/disk/by-label /dev/disk/by-partlabel; }
ask() { echo; echo "# auto-installer relabel $*"; auto-installer relabel --host /lab/new.toml "$@" 2>&1; echo "# exit code $?"; }

labels >/run/before
ask
mkdir /run/broken
cat >/run/broken/sfdisk <<'END'
#!/bin/sh
case " $* " in *" 2 NEW-"*) echo "broken for a test" >&2; exit 1 ;; esac
exec /lab/bin/sfdisk "$@"
END
chmod +x /run/broken/sfdisk
(export PATH=/run/broken:$PATH; ask --confirm yes)
labels >/run/restored
cmp /run/before /run/restored && echo "# as before"
grep ' /boot vfat' /proc/mounts && echo "# boot is mounted"
ask --confirm yes
grep ' /boot vfat' /proc/mounts && echo "# boot is mounted"
grep /dev/ /proc/swaps && echo "# swap is on"
ask
$(cat /lab/system)/bin/switch-to-configuration switch && echo "# switched"
echo "# the end" | tr a-z A-Z
exit
`

// relabel works the shell of a running host, and returns what was said.
func (m *Machine) relabel(t *testing.T, unlock func(context.Context, *Machine) error) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Hung)
	defer cancel()
	if unlock != nil {
		if err := unlock(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Console.ExpectMarker(ctx); err != nil {
		t.Fatal(err)
	}
	lap(t, m, "running")
	if err := m.Console.ExpectString(ctx, "#"); err != nil { // the prompt
		t.Fatal(err)
	}
	if err := m.Console.Type(". /lab/relabel.sh\r"); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{
		"# exit code 0", // looked
		"broken for a test", "# exit code 10", "# as before", "# boot is mounted",
		"# auto-installer relabel --confirm yes", "# exit code 0", "# boot is mounted", "# swap is on",
		"all labels are correct", "# exit code 0", "# switched", "# THE END",
	} {
		if err := m.Console.ExpectString(ctx, words); err != nil {
			t.Fatal(err)
		}
	}
	lap(t, m, "relabelled")
	if err := m.AwaitOff(ctx); err != nil {
		t.Error(err)
	}
	return string(m.Console.Transcript())
}

// labelled looks at the disk from outside.
func (i *installer) labelled(d Disk, want map[int][2]string) {
	i.t.Helper()
	parts, err := Partitions(d.Path, d.Sector)
	if err != nil {
		i.t.Fatal(err)
	}
	for _, p := range parts {
		slice, err := p.Slice(d.Path)
		if err != nil {
			i.t.Fatal(err)
		}
		// It fails if there is nothing that has a label.
		label, _ := exec.Command("blkid", "-p", "-o", "value", "-s", "LABEL", slice).Output()
		if got := [2]string{p.Name, strings.TrimSpace(string(label))}; got != want[p.Number] {
			i.t.Errorf("partition %d is called and carries %q, want %q", p.Number, got, want[p.Number])
		}
	}
}
