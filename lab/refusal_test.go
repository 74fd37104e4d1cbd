//go:build e2e

package lab

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// TestFiveDisks, scenario 5: five disks. The installer never chooses silently where that
// could surprise the operator, and writes to no other disk.
func TestFiveDisks(t *testing.T) {
	t.Parallel()
	old := disk(t, "OLD", NVMe, 512, 5*gib)
	data := disk(t, "DATA", VirtioBlk, 512, 6*gib)
	used := disk(t, "USED", VirtioBlk, 512, 6*gib)
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Network: GitServer, Disks: []Disk{old, data, used, target}})
	shell(t, i.Machine, `
		sfdisk --quiet `+old.ID()+` <<-END
			label: gpt
			size=1GiB, type=U, name=DEMO-EFI
			type=L, name=DEMO-ROOT
		END
		printf 'label: gpt\n,500M\n,500M\n,500M\n,500M\n,500M\n' | sfdisk --quiet `+data.ID()+`
		udevadm settle
		mkfs.vfat -n DEMO-EFI `+old.ID()+`-part1
		mkfs.ext4 -q -L DEMO-ROOT `+old.ID()+`-part2
		for n in 1 2 3 4 5; do mkfs.ext4 -q -L data$n `+data.ID()+`-part$n; done
		mkfs.ext4 -q -L used `+used.ID()+`
		mkdir -p /srv/used; mount -o ro `+used.ID()+` /srv/used
		udevadm settle; sync`)
	others := []Disk{old, data, used}
	var before []string
	for _, d := range others {
		before = append(before, hash(t, d))
	}

	verdicts := i.disks()
	for serial, want := range map[string]struct {
		candidate bool
		rank      int
		words     string
	}{
		"OLD":      {true, 1, "EFI"},
		"DATA":     {true, 2, "5 partitions"},
		"TARGET":   {true, 3, ""},
		"USED":     {false, 0, "/srv/used"},
		"LABSTICK": {false, 0, "running system"},
	} {
		v := verdicts[serial]
		why := v.Refused + " " + strings.Join(v.Reasons, "; ")
		if v.Candidate != want.candidate || v.Rank != want.rank || !strings.Contains(why, want.words) || strings.TrimSpace(why) == "" {
			t.Errorf("%s: candidate %v, rank %d, %q; want %+v", serial, v.Candidate, v.Rank, why, want)
		}
	}

	i.refused(4, "OLD", "install", "--host", "demo", "--confirm", "yes", "--no-power")
	// The installed system would find two roots of that label.
	blank := hash(t, target)
	i.refused(7, "(on "+verdicts["OLD"].Device.Path+") has the filesystem label DEMO-ROOT", installArgs("demo", target)...)
	i.letGo()
	if hash(t, target) != blank || hash(t, old) != before[0] {
		t.Error("a disk was written to")
	}
	// The host uses file system labels, so partition labels may stay.
	shell(t, i.Machine, `
		fatlabel `+old.ID()+`-part1 OLD-EFI
		e2label `+old.ID()+`-part2 OLD-ROOT
		udevadm settle; sync`)
	before[0] = hash(t, old)
	i.install("demo", target)
	warned := false
	for _, e := range i.events() {
		warned = warned || e.Event == "warning" && strings.Contains(e.Line, "partition label DEMO-ROOT")
	}
	if !warned {
		t.Error("no warning that another disk carries the same partition labels")
	}
	powerOff(t, i.Machine)
	i.untouched()
	for n, d := range others {
		if hash(t, d) != before[n] {
			t.Errorf("%s was written to", d.Serial)
		}
	}
	i.clean(target)
	i.boots(target, "demo", nil)
}

type verdict struct {
	Device    struct{ Path, Serial string }
	Candidate bool
	Rank      int
	Reasons   []string
	Refused   string
}

// disks returns what `auto-installer disks --json` prints, by serial number.
func (i *installer) disks() map[string]verdict {
	i.t.Helper()
	var all []verdict
	if err := json.Unmarshal(i.mustRun("disks", "--json"), &all); err != nil {
		i.t.Fatal(err)
	}
	found := map[string]verdict{}
	for _, v := range all {
		found[v.Device.Serial] = v
	}
	return found
}

// TestFailureThenSuccess, scenario 7: a step fails after the wipe. Nothing stays mounted,
// the log is kept, the machine stays on, and the same command then succeeds; so it does
// after the program was interrupted or killed.
func TestFailureThenSuccess(t *testing.T) {
	t.Parallel()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Network: GitServer, Disks: []Disk{target}})
	host := i.write("/run/fails.toml", `extraPostMountCommands = [
  "test -e /run/mended-command || exit 3",
  "test -e /run/mended-loader || mount -o remount,ro /mnt/boot",
  "test -e /run/mended-esp || sh /run/sabotage >/dev/null 2>&1 &",
]
`+i.hostTOML("demo"))
	args := []string{"install", "--host", host, "--disk", target.ID(), "--confirm", "yes"}

	i.comesIn(target, args)
	lap(t, i.Machine, "another program used the disk")

	i.refused(10, "extraPostMountCommands", args...)
	i.letGo()
	i.logKept(target, "exit 3")
	shell(t, i.Machine, "touch /run/mended-command")

	i.refused(10, "nixos-install", args...)
	i.letGo()
	i.logKept(target, "Read-only file system")
	shell(t, i.Machine, "touch /run/mended-loader")
	lap(t, i.Machine, "failed twice")

	// The boot loader is installed, and then spoiled: the error names every spoiled file,
	// and the machine stays on.
	i.write("/run/sabotage", `
		until [ -e /mnt/boot/loader/loader.conf ]; do sleep 0.05; done
		cd /mnt/boot/EFI
		for f in nixos/*initrd*; do truncate -s 100000 "$f"; done
		rm BOOT/BOOTX64.EFI
		printf x | dd of="$(echo /mnt/nix/store/*-source/boot/initrd)" bs=1 seek=5000 conv=notrunc
		sync`)
	i.refused(11, "none of its initrds", args...)
	i.logKept(target, "there is no loader at the removable path")
	i.letGo()
	i.logKept(target, "-source' was modified")
	shell(t, i.Machine, "touch /run/mended-esp")
	lap(t, i.Machine, "not proven")

	for _, c := range []struct {
		signal string
		exit   int
	}{{"INT", 130}, {"TERM", 143}} {
		i.stopped(c.signal, c.exit, args)
		i.letGo()
		lap(t, i.Machine, "ended by "+c.signal)
	}
	// Without the journal in memory, as after a restart, the journal on the disk counts.
	shell(t, i.Machine, "rm /run/auto-installer/journal.json")
	i.refused(2, "the unfinished install differs: it is of demo (flake)", installArgs(i.host("demo-swap"), target, "--resume")...)
	if plan := string(i.mustRun("plan", "--host", host, "--disk", target.ID())); !strings.Contains(plan, "an unfinished install of demo") {
		t.Errorf("the plan does not warn of the unfinished install:\n%s", plan)
	}
	i.install(host, target, "--start-over")
	i.off(target)
	i.boots(target, "demo", nil)
}

// comesIn has other programs try to use the disk. While the table is written they
// cannot. One that mounts the root as soon as it has a file system, invisibly in a mount
// namespace of its own, makes the install fail.
func (i *installer) comesIn(target Disk, args []string) {
	i.t.Helper()
	shell(i.t, i.Machine, "mkdir -p /run/in /srv/in; touch /run/in/had")
	i.write("/run/in/sfdisk", `#!/bin/sh
		PATH=${PATH#/run/in:}
		sfdisk "$@" || exit
		case " $* " in *" --json "*) exit ;; esac
		for disk; do :; done
		exec >>/run/in/had 2>/dev/null
		flock --shared --nonblock "$disk" echo udev may look
		blockdev --rereadpt "$disk" && echo the table was read
		wipefs --all "$disk" && echo the disk was wiped
		echo tried`)
	i.write("/run/in/mkfs.ext4", `#!/bin/sh
		PATH=${PATH#/run/in:}
		mkfs.ext4 "$@" || exit
		for part; do :; done
		unshare --mount sh -c 'mount "$1" /srv/in && touch /run/in/there && exec sleep 1234' sh "$part" >/dev/null 2>&1 </dev/null &
		for _ in $(seq 3000); do
			[ -e /run/in/there ] && exit
			sleep 0.1
		done
		exit 1`)
	shell(i.t, i.Machine, "chmod +x /run/in/sfdisk /run/in/mkfs.ext4")
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	r, err := i.Agent.Run(ctx, nil, append([]string{"sh", "-c", `PATH=/run/in:$PATH exec auto-installer "$@"`, "sh"}, args...)...)
	if err != nil {
		i.t.Fatal(err)
	}
	if all := string(r.Stdout) + string(r.Stderr); r.Exit != 10 || !strings.Contains(all, "something else holds /dev/") {
		i.t.Errorf("exit code %d\n%s", r.Exit, all)
	}
	last := ""
	for _, e := range i.events() {
		if e.Event == "command" {
			last = e.Action.Argv[0]
		}
	}
	if last != "mkfs.ext4" {
		i.t.Errorf("the last command was %s", last)
	}
	if had := shell(i.t, i.Machine, "cat /run/in/had"); had != "tried\n" {
		i.t.Errorf("another program used the held disk: %q", had)
	}
	i.letGo()
	shell(i.t, i.Machine, "pkill -f '[s]leep 1234'; until blockdev --rereadpt "+target.ID()+"; do sleep 0.2; done; udevadm settle")
}

// stopped sends a signal to an install while the target is mounted.
func (i *installer) stopped(signal string, exit int, args []string) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	i.whileCopying("mountpoint -q /mnt && pkill -" + signal + " -x auto-installer")
	p, err := i.Agent.Start(ctx, nil, append([]string{"auto-installer"}, args...)...)
	if err != nil {
		i.t.Fatal(err)
	}
	r, err := p.Wait(ctx)
	if err != nil {
		i.t.Fatal(err)
	}
	if r.Exit != exit {
		i.t.Errorf("SIG%s: exit code %d, want %d\n%s%s", signal, r.Exit, exit, r.Stdout, r.Stderr)
	}
	shell(i.t, i.Machine, "rm /usr/local/bin/nix")
}

// logKept searches the log on the target for words.
func (i *installer) logKept(target Disk, words string) {
	i.t.Helper()
	log := shell(i.t, i.Machine, `
		mkdir -p /srv/look; mount -o ro `+target.ID()+`-part2 /srv/look
		cat /srv/look/var/log/auto-installer/install.log
		umount /srv/look`)
	if !strings.Contains(log, words) {
		i.t.Errorf("no %q in the log on the target:\n%s", words, log)
	}
}

// stickID returns the stick's name in /dev/disk/by-id.
func (i *installer) stickID() string {
	return strings.TrimSpace(shell(i.t, i.Machine, "ls /dev/disk/by-id | grep LABSTICK | grep -v part | head -n 1"))
}
