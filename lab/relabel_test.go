//go:build e2e

package lab

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
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
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Disks: []Disk{target}})
	i.install(i.host("demo-swap"), target)
	i.toolsOn(target.ID()+"-part2", target.ID()+"-part1", "demo-swap")
	i.off(target)

	m := start(t, Config{Name: i.Name + "-running", Image: i.Image, Disks: []Disk{target}, Memory: 2048})
	said := m.relabel(t)
	for _, words := range []string{
		"nothing was done; --confirm yes does it",
		`fileSystems."/boot".device = "/dev/disk/by-label/NEW-EFI";`,
		`swapDevices = [ { device = "/dev/disk/by-label/NEW-SWAP"; } ];`,
		"6 labels read back from the disk", "every old label is back",
	} {
		if !strings.Contains(said, words) {
			t.Errorf("it did not say %q:\n%s", words, said)
		}
	}
	i.clean(target)
	i.labelled(target, map[int]string{1: "NEW-EFI", 2: "NEW-ROOT", 3: "NEW-SWAP"})

	marker := i.boots(target, "demo-swap", nil)
	if marker.RootLabel != "NEW-ROOT" || marker.Swap == nil || marker.Swap.Device != "/dev/nvme0n1p3" {
		t.Errorf("the marker is %+v, swap %+v", marker, marker.Swap)
	}
}

// toolsOn gives the installed system, whose root and ESP these are, the
// program and what it runs on a NixOS; a system that goes by the new labels; and
// a shell when it starts. The demo system itself has little more than busybox.
func (i *installer) toolsOn(root, esp, host string) {
	i.t.Helper()
	i.write("/run/new.toml", relabelled.Replace(i.hostTOML(host)))
	i.write("/run/relabel.sh", relabelScript)
	shell(i.t, i.Machine, `
		mount `+root+` /mnt
		mount `+esp+` /mnt/boot
		mkdir -p /mnt/lab/bin /mnt/lib64 /mnt/usr/lib/udev
		cd /mnt/lab
		cp /run/new.toml /run/relabel.sh /lab/auto-installer .
		for tool in lsblk blkid e2label fatlabel swaplabel sfdisk udevadm mount umount cryptsetup dmsetup; do
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
		mkdir -p /mnt/sbin && ln -s /lab/bin/dmsetup /mnt/sbin/dmsetup

		cp -r /iso/auto-installer/nix-config /run/nix-config
		cd /run/nix-config
		cp /run/new.toml hosts/`+host+`/host.toml
		export GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@localhost GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@localhost
		git commit --quiet --all --message 'The new labels'
		nix build --store /mnt --extra-substituters 'auto?trusted=1' --option substitute true --option always-allow-substitutes true \
			--no-link --print-out-paths '/run/nix-config#nixosConfigurations."`+host+`".config.system.build.toplevel' >/mnt/lab/system

		sed -i 's/^options .*/& lab.shell/' /mnt/boot/loader/entries/*.conf
		umount /mnt/boot /mnt`)
	lap(i.t, i.Machine, "given its tools")
}

// relabelScript runs in the installed system. udev is started first, as a NixOS
// would have done.
const relabelScript = `
export PATH=/lab/bin:/lab:$PATH
mkdir -p /run/udev
systemd-udevd --daemon
udevadm trigger --action=add
udevadm settle
labels() { blkid --probe --output value --match-tag LABEL /dev/nvme0n1p1 /dev/nvme0n1p2 /dev/nvme0n1p3; ls /dev/disk/by-label /dev/disk/by-partlabel; }
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
func (m *Machine) relabel(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
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
		"every label is as it should be", "# exit code 0", "# switched", "# THE END",
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
func (i *installer) labelled(d Disk, want map[int]string) {
	i.t.Helper()
	parts, err := Partitions(d.Path, d.Sector)
	if err != nil {
		i.t.Fatal(err)
	}
	for _, p := range parts {
		slice, err := p.Slice(i.t.Context(), d.Path)
		if err != nil {
			i.t.Fatal(err)
		}
		label, err := exec.Command("blkid", "-p", "-o", "value", "-s", "LABEL", slice).Output()
		if got := strings.TrimSpace(string(label)); err != nil || got != want[p.Number] || p.Name != want[p.Number] {
			i.t.Errorf("partition %d is called %q and carries %q, want %q: %v", p.Number, p.Name, got, want[p.Number], err)
		}
	}
}
