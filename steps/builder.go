package steps

import (
	"fmt"
	"net"
	"path/filepath"

	"auto-installer/hosts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/contract"
	"auto-installer/steps/partition"
	"auto-installer/steps/secrets"
	"auto-installer/steps/source"
)

// builder makes the plan of an install: it knows what the host and the answers
// say, and what the steps learn as they run.
type builder struct {
	a          Answers
	h          hosts.Host
	paths      engine.Paths
	disk       string
	swap       int64     // bytes, 0: none
	guids      [4]string // of the disk and its partitions
	diskGUID   string
	partitions []partition.Partition
	begun      *journal    // what is resumed, or nil
	held       *block.Held // taken by the gate
	learned    *learned
	// unstarted: a system that was started since must not be lost, although
	// the install starts over.
	unstarted bool
}

// learned is what steps find out for those after them.
type learned struct {
	evaluated []byte            // by source: what the host's configuration says, as JSON
	hashes    map[string]string // by source: the prebuilt closure's contents
	contract  contract.Found    // by contract
	secrets   secrets.Found     // by secrets
}

// resumed tells whether an earlier install has finished a step.
func (b *builder) resumed(step engine.Name) bool { return b.begun != nil && b.begun.done(step) }

func (b *builder) layout() error {
	if b.h.Swap.Enable {
		n, err := b.h.SwapBytes()
		if err != nil {
			return err
		}
		b.swap = n
	}
	w := partition.Want{
		DiskSize: b.a.Disk.Size, SectorSize: int64(b.a.Disk.LogicalSector),
		ESP: b.h.Labels.EFI, Root: b.h.Labels.Root, Swap: b.h.Labels.Swap, SwapSize: b.swap,
	}
	if b.h.LUKS.Enable {
		w.Root = b.h.Labels.LUKS
	}
	w.GUIDs = b.guids
	b.diskGUID = w.GUIDs[0]
	var err error
	b.partitions, err = partition.Layout(w)
	return err
}

// The modes of an install.
const (
	modeFlake    = "flake"
	modePrebuilt = "prebuilt"
)

func (b *builder) mode() string {
	if b.a.System != "" {
		return modePrebuilt
	}
	return modeFlake
}

func (b *builder) part(n int) string { return block.PartitionPath(b.disk, n) }

// room is what the root file system will have for a closure, in bytes: ext4
// keeps inodes and 5 % for root (mke2fs(8), -i and -m).
func (b *builder) room() int64 { return b.partitions[1].Size * 9 / 10 }

// rootDevice is what holds the root file system.
func (b *builder) rootDevice() string {
	if b.h.LUKS.Enable {
		return "/dev/mapper/" + b.h.LUKS.MapperName
	}
	return b.part(2)
}

// swapDevice is the swap to format and switch on, or empty: beside LUKS it is
// left for the installed system, which encrypts it with a new key each boot.
func (b *builder) swapDevice() string {
	if b.swap == 0 || b.h.SwapIsRandomEncrypted() {
		return ""
	}
	return b.part(3)
}

func (b *builder) home() string {
	if b.h.TargetUser == "" {
		return ""
	}
	if b.h.TargetUser == "root" {
		return filepath.Join(Target, "root")
	}
	return filepath.Join(Target, "home", b.h.TargetUser)
}

func (b *builder) labels() []string {
	var ls []string
	for _, l := range []string{b.h.Labels.EFI, b.h.Labels.Root, b.h.Labels.LUKS, b.h.Labels.Swap} {
		if l != "" {
			ls = append(ls, l)
		}
	}
	return ls
}

func (b *builder) warnings() []string {
	ws := []string{}
	if b.a.NoAgeIdentity {
		ws = append(ws, fmt.Sprintf("no age identity: the installed system cannot open its secrets until /etc/age/%s.agekey is put there", b.h.TargetHost))
	}
	if b.a.medium.Changed != "" && b.a.Source == "" && b.a.ref() == "" {
		ws = append(ws, fmt.Sprintf("the medium was built from files that are in no commit (%s): what is cloned may be something else", sys.Clean(b.a.medium.Changed)))
	}
	if why := b.source().Untrusted(source.KnownHosts); why != "" {
		ws = append(ws, why)
	}
	if b.a.DeployKey != nil && b.h.TargetUser == "" {
		ws = append(ws, "targetUser is not set: no user of the installed system gets the deploy key, and root owns the clone")
	}
	if b.swap > 0 && b.h.SwapIsRandomEncrypted() {
		ws = append(ws, "the swap partition is left unformatted: the host must use it with randomEncryption, by-partlabel/"+b.h.Labels.Swap)
	}
	return ws
}

// notes are told before an install, and are over with it.
func (b *builder) notes() (list []string) {
	if u := b.a.unfinished; u != nil && b.begun == nil {
		if u.Proven() {
			list = append(list, u.String()+"; --resume would continue it, but this starts over")
		} else {
			list = append(list, u.String()+"; "+Unproven+", so this starts over")
		}
	}
	if b.begun != nil {
		list = append(list, "already done: "+names(b.begun.Done))
	}
	if b.a.noSystem {
		list = append(list, fmt.Sprintf("this is what the medium of %s will do: the path of its system is not known yet, and %s stands for it", b.h.TargetHost, unknownSystem))
	}
	if b.waits() != "" {
		list = append(list, fmt.Sprintf("no age identity yet: if %s has secrets, the install waits until one is sent", b.h.TargetHost))
	}
	return list
}

// waits is what the install may wait for after it was confirmed: an age identity
// is not asked for before it is known that the host has secrets.
func (b *builder) waits() string {
	if b.a.AgeIdentity != nil || b.a.NoAgeIdentity {
		return ""
	}
	return "the age identity of " + b.h.TargetHost
}

func (b *builder) hasRepo() bool { return b.a.remote() != "" || b.a.Source != "" }

// gitEnv is for git's ssh, and nix's: nobody is there to be asked, a new host
// is trusted, and the deploy key is used, which source has put in RAM.
func (b *builder) gitEnv() []string {
	ssh := []string{
		"ssh", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + filepath.Join(b.paths.Dir, "known_hosts"),
		// A connection that died is an error within minutes, not hours.
		"-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=8",
	}
	if b.a.DeployKey != nil {
		ssh = append(ssh, "-i", filepath.Join(b.paths.Dir, "deploy-key"), "-o", "IdentitiesOnly=yes")
	}
	return []string{"GIT_SSH_COMMAND=" + sys.Quote(ssh)}
}

func (b *builder) power() sys.Cmd {
	if b.h.PowerOff {
		return sys.Cmd{Does: "power off", Argv: []string{"systemctl", "poweroff"}}
	}
	return sys.Cmd{Does: "reboot", Argv: []string{"systemctl", "reboot"}}
}

// gitHost is the host of a git URL, as an ssh config names it, or empty for a
// path.
func gitHost(remote string) string {
	host, _, err := net.SplitHostPort(source.Address(remote))
	if err != nil {
		return ""
	}
	return host
}
