package steps

import (
	"fmt"
	"net"
	"path/filepath"

	"auto-installer/hosts"
	"auto-installer/hosts/facts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/journal"
	"auto-installer/steps/partition"
	"auto-installer/steps/secrets"
	"auto-installer/steps/source"
)

// builder makes the plan of an install from the host and the answers.
type builder struct {
	a          Answers
	h          hosts.Host
	paths      engine.Paths
	swap       int64     // bytes; 0: no swap
	guids      [4]string // of the disk and its partitions
	partitions []gpt.Partition
	journal    *journal.Journal // of the install to resume, or nil
	learned    *learned
	// unstarted: the install starts over, but first verifies that the system on the disk
	// was never started.
	unstarted bool
}

// learned is what steps find out for later steps. Each field has one step that writes it.
type learned struct {
	evaluated []byte            // source: the host's facts, as JSON
	hashes    map[string]string // source: hashes of the prebuilt closure's paths
	facts     facts.Facts       // contract
	secrets   secrets.Found     // secrets
	held      block.Held        // gate
}

// resumed returns whether an earlier install has finished a step.
func (b *builder) resumed(step engine.Name) bool { return b.journal != nil && b.journal.Has(step) }

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
		ESP: b.h.Labels.EFI, Root: b.h.Labels.Root, Swap: b.h.Labels.Swap, SwapSize: b.swap, GUIDs: b.guids,
	}
	if b.h.LUKS.Enable {
		w.Root = b.h.Labels.LUKS
	}
	var err error
	b.partitions, err = partition.Layout(w)
	return err
}

func (b *builder) part(n int) string { return block.PartitionPath(b.a.Disk.Path, n) }

// room returns how much the root file system has for a closure, in bytes: ext4 reserves
// inodes, and 5 % for root (mke2fs(8), -i and -m).
func (b *builder) room() int64 { return b.partitions[1].Size * 9 / 10 }

// rootDevice returns the device with the root file system.
func (b *builder) rootDevice() string {
	if b.h.LUKS.Enable {
		return "/dev/mapper/" + b.h.LUKS.MapperName
	}
	return b.part(2)
}

// swapDevice returns the device to format and swap to, or an empty string. Beside LUKS,
// the installed system formats the swap itself, with a new key at each boot.
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
		ws = append(ws, fmt.Sprintf("no age identity: the installed system cannot decrypt its secrets until it has /etc/age/%s.agekey", b.h.TargetHost))
	}
	if b.a.Medium.Changed != "" && b.a.Source == "" && b.a.ref() == "" {
		ws = append(ws, fmt.Sprintf("the medium was built from uncommitted files (%s): the clone may differ from them", sys.Clean(b.a.Medium.Changed)))
	}
	if why := b.source().Untrusted(source.KnownHosts); why != "" {
		ws = append(ws, why)
	}
	if b.a.DeployKey != nil && b.h.TargetUser == "" {
		ws = append(ws, "targetUser is not set: no user gets the deploy key, and root owns the clone")
	}
	if b.swap > 0 && b.h.SwapIsRandomEncrypted() {
		ws = append(ws, "the swap partition stays unformatted: the host must use it with randomEncryption, as by-partlabel/"+b.h.Labels.Swap)
	}
	return ws
}

// notes returns what to show before an install, and not again at its end.
func (b *builder) notes() (list []string) {
	if u := b.a.unfinished; u != nil && b.journal == nil {
		if u.Proven() {
			list = append(list, u.String()+"; --resume would resume it, but this install starts over")
		} else {
			list = append(list, u.String()+"; "+Unproven+", so this install starts over")
		}
	}
	if b.journal != nil {
		list = append(list, "already done: "+names(b.journal.Done))
	}
	if b.a.noSystem {
		list = append(list, fmt.Sprintf("the path of %s's system is not known yet; in this plan of its medium, %s stands for it", b.h.TargetHost, unknownSystem))
	}
	if b.waits() != "" {
		list = append(list, fmt.Sprintf("no age identity yet: if %s has secrets, the install waits until one is sent", b.h.TargetHost))
	}
	return list
}

// waits returns what the install may wait for after it was confirmed. Whether the host
// has secrets, and so needs an age identity, is not known before.
func (b *builder) waits() string {
	if b.a.AgeIdentity != nil || b.a.NoAgeIdentity {
		return ""
	}
	return "the age identity of " + b.h.TargetHost
}

func (b *builder) hasRepo() bool { return b.a.remote() != "" || b.a.Source != "" }

// gitEnv is the environment of git and nix, for their ssh: it asks no questions, accepts
// a server that has no known key, and uses the deploy key, which source puts in memory.
func (b *builder) gitEnv() []string {
	ssh := []string{
		"ssh", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + filepath.Join(b.paths.Dir, "known_hosts"),
		// A dead connection is an error within minutes, not hours.
		"-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=8",
	}
	if b.a.DeployKey != nil {
		ssh = append(ssh, "-i", filepath.Join(b.paths.Dir, "deploy-key"), "-o", "IdentitiesOnly=yes")
	}
	return []string{"GIT_SSH_COMMAND=" + sys.Quote(ssh)}
}

// gitHost returns the host of a git URL, as an ssh config names it, or an empty string
// for a path.
func gitHost(remote string) string {
	host, _, err := net.SplitHostPort(source.Address(remote))
	if err != nil {
		return ""
	}
	return host
}
