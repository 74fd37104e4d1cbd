//go:build e2e

package lab

import (
	"os"
	"time"
)

func (m *seeding) wrongDisks() []seed {
	on := func(disk string) []string { return append(installArgs("demo", Disk{}), "--disk", disk) }
	unattended := func(host, disk string) []string {
		return []string{"install", "--unattended", "--host", host, "--disk", disk, "--no-power"}
	}
	all := []seed{
		{name: "a partition", slice: true, words: "partition", args: on(m.target.ID() + "-part1")},
		{name: "the stick", slice: true, words: "running system", args: on("/dev/disk/by-id/" + m.stickID())},
		{name: "a mounted disk", slice: true, words: "/srv/used", args: on(m.used.ID())},
		{name: "a missing disk", slice: true, words: "/dev/nosuchdisk", args: on("/dev/nosuchdisk")},
		{name: "unattended, a disk with data", slice: true, words: "holds data", args: unattended("demo", "/dev/nvme0n1")},
		{name: "unattended, the host is there already", words: "is installed there already", prep: m.variant("demo", "mine", "DEMO-ROOT", "precious-TARGET"), args: unattended("/run/mine.toml", m.target.ID())},
		{name: "no disk named, and it is not clear", words: "not clear which disk to use", args: installArgs("demo", Disk{})},
		{name: "a disk that is swapped to", words: "swap in use", args: on(m.small.ID()), prep: "swapon " + m.small.ID() + "-part2", undo: "swapoff " + m.small.ID() + "-part2"},
		{
			name: "a disk below the device-mapper", words: "is in use by", args: on(m.small.ID()),
			prep: "dmsetup create upon --readonly --table \"0 2048 linear $(readlink -f " + m.small.ID() + "-part1) 0\"", undo: "dmsetup remove --retry upon",
		},
		{
			name: "a disk below a loop device", words: "is in use by loop", args: on(m.small.ID()),
			prep: "losetup --find --show --read-only " + m.small.ID() + "-part1 >/run/loop", undo: "losetup --detach $(cat /run/loop)",
		},
		{name: "a read-only disk", words: "read-only", args: on(m.readOnly.ID())},
	}
	for n := range all {
		all[n].step, all[n].exit = inDetect, 4
	}
	return all
}

func (m *seeding) wrongMachine() []seed {
	battery := "mkdir -p /run/power/BAT0; cd /run/power/BAT0; echo Battery >type; echo 7 >capacity; mount --bind /run/power /sys/class/power_supply"
	free := func(mib string) string { // of /run, which is in memory
		return "mount -o remount,size=$(($(df --output=used --block-size=1 /run | tail -n 1) + (" + mib + " << 20))) /run"
	}
	again := "mount -o remount,size=50% /run"
	all := []seed{
		{name: "a nearly empty battery", words: "on battery with 7 % left", prep: battery, undo: "umount /sys/class/power_supply", args: m.with()},
		{name: "a missing command", words: "commands are missing: mkfs.vfat", prep: "mount --bind /dev/null $(readlink -f $(command -v mkfs.vfat))", undo: "umount $(readlink -f /usr/sbin/mkfs.vfat)", args: m.with()},
		{name: "another mount at the target", words: "something else is mounted at /mnt", prep: "mount -t tmpfs tmpfs /mnt", undo: "umount /mnt", args: m.with()},
		{name: "an existing mapper of that name", words: "a mapper is called demo-crypt already", prep: "dmsetup create demo-crypt --table '0 8 error'", undo: "dmsetup remove --retry demo-crypt", args: m.prebuilt()},
		{name: "little room in memory", words: "MiB are free in /run/auto-installer", prep: free("20"), undo: again, args: m.with()},
		{name: "a wrong clock", words: "the clock is wrong", prep: "date --set '2020-02-02 02:02' >/dev/null", undo: "date --set @$(cat /sys/class/rtc/rtc0/since_epoch) >/dev/null", args: m.with()},
	}
	for n := range all {
		all[n].step, all[n].exit = "preflight", 5
	}
	return append(
		all,
		seed{name: "a disk that is too small", slice: true, step: atStart, exit: 5, words: "too small", args: installArgs("demo", m.small)},
		seed{name: "no room in memory", step: "preflight", exit: 5, words: "only 0 MiB are free", prep: free("0"), undo: again, args: m.with()},
		seed{name: "a log that cannot be written", step: atStart, exit: 5, words: "cannot write the log and the files beside it", args: m.with("--log-file", "/proc/log")},
		seed{name: "not root", step: atStart, exit: 5, words: "not running as root", args: m.with(), under: []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}},
		seed{name: "another running install", step: atStart, exit: 8, words: "another install is running", args: m.with(), prep: "flock /run/auto-installer/lock sleep 1234 >/dev/null 2>&1 & sleep 0.2", undo: "pkill -f '[s]leep 1234'"},
		seed{name: "a proof in a virtual machine, and no QEMU", step: "preflight", exit: 5, words: "qemu-system-x86_64", args: m.with("--prove-boot", "vm")},
	)
}

// prebuilt returns the arguments of an install without network and evaluation: the
// host's facts are on the medium.
func (m *seeding) prebuilt(more ...string) []string {
	return installArgs("/run/demo-full.toml", m.target, append([]string{"--source", seedDir + "/tiny", "--passphrase-file", "/run/passphrase"}, more...)...)
}

const (
	mediumFolder   = "/etc/auto-installer/hosts/demo-full"
	mediumContract = mediumFolder + "/contract.json"
	fitting        = "mkdir -p " + mediumFolder + "; cp " + seedDir + "/fits.json " + mediumContract + "\n"
	efivars        = "/sys/firmware/efi/efivars"
	secureBoot     = efivars + "/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
)

// wrongContract returns configurations that do not fit the planned layout, as changes
// (jq) of one that fits.
func (m *seeding) wrongContract() []seed {
	var all []seed
	for _, c := range [][3]string{
		{"another root label", `.fileSystems["/"].device = "/dev/disk/by-label/OTHER"`, `fileSystems."/".device is "/dev/disk/by-label/OTHER"`},
		{"root by UUID", `.fileSystems["/"].device = "/dev/disk/by-uuid/6a09e667-bb67-4e3c-a54f-510e527fade6"`, "a UUID is new with every install"},
		{"root by the kernel's name", `.fileSystems["/"].device = "/dev/sda2"`, "may be another disk's at the next start"},
		{"another root file system", `.fileSystems["/"].fsType = "btrfs"`, `fsType is "btrfs"`},
		{"no ESP", `del(.fileSystems["/boot"])`, `the host has no fileSystems."/boot"`},
		{"another ESP label", `.fileSystems["/boot"].device = "/dev/disk/by-label/ESP"`, `fileSystems."/boot".device is "/dev/disk/by-label/ESP"`},
		{"the ESP mounted elsewhere", `.loader.efiSysMountPoint = "/efi"`, `efiSysMountPoint is "/efi"`},
		{"a file system that no disk has", `.fileSystems["/data"] = {device: "/dev/disk/by-label/NOWHERE", fsType: "ext4", options: []}`, "no disk here has it"},
		{"a file system on the disk that is erased", `.fileSystems["/data"] = {device: "/dev/disk/by-label/precious-TARGET", fsType: "ext4", options: []}`, "on the disk that will be erased"},
		{"another mapper", `.luksDevices = {cryptroot: .luksDevices["demo-crypt"]} | .fileSystems["/"].device = "/dev/mapper/cryptroot"`, `as "cryptroot"; luks.mapperName makes it "demo-crypt"`},
		{"another LUKS label", `.luksDevices["demo-crypt"].device = "/dev/disk/by-partlabel/OTHER"`, `device is "/dev/disk/by-partlabel/OTHER"`},
		{"a LUKS header elsewhere", `.luksDevices["demo-crypt"].header = "/dev/sdb"`, `header is "/dev/sdb"`},
		{"no LUKS", `.luksDevices = {}`, `the host opens no LUKS device as "demo-crypt"`},
		{"unused swap", `.swapDevices = []`, "swapDevices do not use /dev/disk/by-partlabel/FULL1-SWAP"},
		{"swap in the clear beside LUKS", `.swapDevices[0].randomEncryption = false`, "without randomEncryption"},
		{"GRUB for BIOS", `.loader.systemdBoot = false | .loader.grub.enable = true`, "GRUB for BIOS"},
		{"GRUB that writes to another disk", `.loader.systemdBoot = false | .loader.grub = {enable: true, efiSupport: true, efiInstallAsRemovable: true, devices: ["/dev/sda"]}`, "boot.loader.grub writes to /dev/sda"},
		{"extlinux", `.loader.systemdBoot = false | .loader.extlinux = true`, "extlinux"},
		{"no boot loader", `.loader.systemdBoot = false`, "enables no boot loader"},
		{"another keymap", `.keymap = "de"`, `console.keyMap is "de"`},
		{"no such user", `.users = {root: {uid: 0, home: "/root"}}`, `no users.users."demo"`},
		{"another UID", `.users.demo.uid = 1234`, "uid is 1234"},
		{"another home", `.users.demo.home = "/srv/demo"`, `home is "/srv/demo"`},
		{"facts that cannot be read", `"no facts"`, "the facts of the host's configuration are invalid"},
	} {
		all = append(all, seed{name: c[0], words: c[2], prep: fitting + "jq '" + c[1] + "' <" + seedDir + "/fits.json >" + mediumContract})
	}
	touches := fitting + "jq '.loader.canTouchEfiVariables = true' <" + seedDir + "/fits.json >" + mediumContract + "\n"
	carrier := m.small.ID() + "-part1"
	all = append(
		all,
		seed{
			name: "Secure Boot, and an unsigned loader", words: "Secure Boot is on", undo: "umount " + secureBoot,
			prep: fitting + `printf '\006\000\000\000\001' >/run/SecureBoot; mount --bind /run/SecureBoot ` + secureBoot,
		},
		seed{
			name: "no firmware variables", words: "variables cannot be read", prep: touches + "umount " + efivars,
			undo: "mount -t efivarfs efivarfs " + efivars,
		},
		seed{name: "a passphrase that the keymap cannot type", words: "no key of the keymap us", prep: fitting, args: m.prebuilt("--passphrase-file", seedDir+"/umlaut")},
		seed{name: "a recovery key that the keymap cannot type", words: "of the recovery key", prep: fitting, args: m.prebuilt("--recovery-key-file", seedDir+"/umlaut")},
		seed{
			name: "another disk with the root's label", words: "has the filesystem label FULL1-ROOT", marks: true,
			prep: fitting + "e2label " + carrier + " FULL1-ROOT",
		},
	)
	for n := range all {
		s := &all[n]
		s.step, s.exit = "contract", 7
		if s.args == nil {
			s.args = m.prebuilt()
		}
		s.undo += "\nrm -r " + mediumFolder
	}
	all[len(all)-1].undo += "; e2label " + carrier + " precious-SMALL; udevadm settle"
	return append(all, seed{
		name: "an unknown configuration", step: "contract", exit: 7, words: "configuration is unknown", args: m.prebuilt(),
	}, seed{
		name: "three mismatches", slice: true, step: "contract", exit: 7, words: "3 mismatches: ",
		prep: m.variant("demo-luks", "wrong", "LUKS1-ROOT", "OTHER-ROOT", "LUKS1-LUKS", "OTHER-LUKS",
			"prebuilt = true", "keymap = \"de\"\nrepoRemote = \"git://10.0.2.100/nix-config.git\""),
		args: append(installArgs("/run/wrong.toml", m.target), "--passphrase-file", "/run/passphrase"),
	})
}

func (m *seeding) wrongSource() []seed {
	from := func(remote string, more ...string) []string {
		return m.with(append([]string{"--remote", remote}, more...)...)
	}
	const noflake, registered = seedDir + "/noflake", "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-huge"
	all := []seed{
		{name: "no such repo", slice: true, words: "clone", args: from("git://10.0.2.100/nosuchrepo.git")},
		{name: "a host that does not evaluate", slice: true, words: "nowhere", prep: m.variant("demo", "nowhere", `targetHost = "demo"`, `targetHost = "nowhere"`), args: installArgs("/run/nowhere.toml", m.target)},
		{name: "no such folder of the repo", words: "to copy the config repo", args: m.prebuilt("--source", seedDir+"/nothing")},
		{name: "a repo without commits", words: "the revision", args: from(seedDir + "/empty.git")},
		{name: "no such branch", words: "to check out nosuchbranch", args: from(noflake, "--ref", "nosuchbranch")},
		{name: "no such commit", words: "to check out 0123456789", args: from(noflake, "--ref", "0123456789012345678901234567890123456789")},
		{name: "a repo without a flake", words: "evaluating demo", args: from(noflake)},
		{name: "a flake with invalid Nix", words: "evaluating demo", args: from(seedDir + "/broken")},
		{name: "a flake without the host", words: "evaluating demo", args: from(seedDir + "/nohost")},
		{name: "a system that the store does not have", words: "finding the prebuilt system", args: m.prebuilt("--system", registered)},
		{
			name: "a closure with a missing path", words: "is incomplete", args: m.prebuilt(),
			prep: "ls -d /nix/store/*-demo-full-facts >/run/part; mv $(cat /run/part) /run/kept", undo: "mv /run/kept $(cat /run/part)",
		},
		{
			name: "a deploy key that the remote rejects", words: "Permission denied", args: from("ssh://root@127.0.0.1"+noflake, "--deploy-key", seedDir+"/deploy"),
			prep: "systemctl start ssh", undo: "systemctl stop ssh",
		},
		{name: "no server at the address", step: "preflight", words: "no network", args: from("git://10.0.2.99/nix-config.git")},
		{name: "a server name that does not resolve", step: "preflight", words: "no network", args: from("git://git.example.org/nix-config.git")},
	}
	for n := range all {
		if all[n].exit = 6; all[n].step == "" {
			all[n].step = "source"
		}
	}
	huge := "mkdir " + registered + "; printf '%s\\n' " + registered + " sha256:0000000000000000000000000000000000000000000000000000 9000000000 '' 0 | nix-store --register-validity --hash-given"
	return append(
		all,
		seed{
			name: "a system larger than the root", step: "source", exit: 5, words: "the system needs", args: m.prebuilt("--system", registered),
			prep: huge, undo: "nix-store --delete " + registered,
		},
		seed{
			name: "an identity that does not open a secret", slice: true, step: "secrets", exit: 7, words: "does not open secrets/wifi.age",
			args: m.with("--source", m.sealedForAnother(), "--age-identity", "/run/host.agekey"),
		},
		seed{
			name: "unattended, secrets and no identity", step: "secrets", exit: 2, words: "cannot wait for its age identity",
			args: []string{"install", "--unattended", "--host", "demo", "--disk", m.target.ID(), "--source", "/run/sealed", "--no-power"},
		},
	)
}

func (m *seeding) wrongAtTheGate() []seed {
	unseen := "unshare --mount sh -c 'mount -o ro,noload " + m.target.ID() + "-part1 /srv && exec sleep 1234' >/dev/null 2>&1 & sleep 1"
	all := []seed{
		{name: "mounted where it cannot be seen", words: "is in use", args: m.prebuilt(), prep: unseen, undo: "pkill -f '[s]leep 1234'"},
		{name: "locked by another program", words: "is in use", args: m.prebuilt(), prep: "flock " + m.target.ID() + " sleep 1234 >/dev/null 2>&1 & sleep 0.2", undo: "pkill -f '[s]leep 1234'"},
		{
			name: "a failing disk", words: "cannot be read", args: installArgs("/run/demo-full.toml", m.dying, "--source", seedDir+"/tiny", "--passphrase-file", "/run/passphrase"),
			begin: func(i *installer) { i.must(os.WriteFile(m.failing, nil, 0o644)) },
		},
		{
			name: "an unplugged disk", words: "cannot find the confirmed disk again", args: installArgs("/run/demo-full.toml", m.pulled, "--source", seedDir+"/tiny", "--passphrase-file", "/run/passphrase"),
			// The install waits in its source step until the disk is gone.
			under: []string{"env", "PATH=/run/slow:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			prep: `rm -rf /run/slow; mkdir /run/slow
				printf '#!/bin/sh\ntouch /run/slow/there\nuntil [ -e /run/slow/on ]; do sleep 0.1; done\nPATH=${PATH#/run/slow:} exec nix "$@"\n' >/run/slow/nix
				chmod +x /run/slow/nix`,
			begin: func(i *installer) {
				go func() {
					for {
						if _, err := i.Agent.ReadFile(i.t.Context(), "/run/slow/there"); err == nil || i.t.Context().Err() != nil {
							break
						}
						time.Sleep(200 * time.Millisecond)
					}
					i.must(i.Unplug(i.t.Context(), m.pulled.Serial))
					i.must(i.Agent.WriteFile(i.t.Context(), "/run/slow/on", nil))
				}()
			},
		},
	}
	for n := range all {
		all[n].prep, all[n].step, all[n].exit = fitting+all[n].prep, "gate", 9
		all[n].undo += "\nrm -r " + mediumFolder
	}
	return all
}

// last returns the faults that cannot be undone.
func (m *seeding) last() []seed {
	full := `guid=6a09e667-bb67-4e3c-a54f-510e527fade6
		for size in 30000 5000 500; do
			for n in $(seq 100); do
				{ printf '\007\000\000\000'; head -c $size /dev/zero; } >/run/fill
				dd if=/run/fill of=` + efivars + `/Fill$size$n-$guid bs=64K status=none 2>/dev/null || break # in one call
			done
		done
		df --block-size=1 ` + efivars
	return []seed{
		{
			name: "no room for a firmware variable", step: "contract", exit: 7, words: "no room for a boot entry", args: m.prebuilt(),
			prep: fitting + "jq '.loader.canTouchEfiVariables = true' <" + seedDir + "/fits.json >" + mediumContract + "\n" + full,
		},
		{name: "no network", slice: true, step: "preflight", exit: 6, words: "no network", args: m.with(), begin: func(i *installer) {
			i.must(i.SetLink(i.t.Context(), false))
		}},
	}
}
