package steps

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/boot/vm"
	"auto-installer/internal/disk/gate"
	"auto-installer/internal/engine"
	"auto-installer/internal/network"
	"auto-installer/internal/sys"
	"auto-installer/modules"
	"auto-installer/steps/bootproof"
	"auto-installer/steps/closure"
	"auto-installer/steps/contract"
	"auto-installer/steps/encrypt"
	"auto-installer/steps/finish"
	"auto-installer/steps/format"
	"auto-installer/steps/identity"
	"auto-installer/steps/journal"
	"auto-installer/steps/mount"
	"auto-installer/steps/partition"
	"auto-installer/steps/preflight"
	"auto-installer/steps/repo"
	"auto-installer/steps/secrets"
	"auto-installer/steps/secretsproof"
	"auto-installer/steps/source"
	"auto-installer/steps/sshkey"
	"auto-installer/steps/system"
)

// The options of each step, in the order of the plan.
func (b *builder) preflight(commands []string) preflight.Options {
	o := preflight.Options{
		FS: "/", EUID: os.Geteuid(), Commands: commands, MinMemory: MinMemory,
		Target: Target, RunDir: b.paths.Dir, MinRun: minRun,
		Disk: b.a.Disk.Path, DiskSize: b.a.Disk.Size, MinDisk: partition.MinDisk(b.swap),
		Network: b.a.Network(), Patience: networkPatience,
	}
	if b.h.LUKS.Enable {
		o.Mapper = b.h.LUKS.MapperName
	}
	return o
}

func (b *builder) vm() vm.Options {
	return vm.Options{
		Disk: b.a.Disk.Path, SectorSize: b.a.Disk.LogicalSector, Passphrase: b.a.Passphrase,
		Mounted: []string{Target, espMount}, Dir: filepath.Join(b.paths.Dir, "vm"), Live: "/",
	}
}

func (b *builder) luks() encrypt.Options {
	return encrypt.Options{
		Device: b.part(2), Label: b.h.Labels.LUKS, Mapper: b.h.LUKS.MapperName, Passphrase: b.a.Passphrase, RecoveryKey: b.a.RecoveryKey,
	}
}

func (b *builder) source() source.Options {
	o := source.Options{
		Host: b.h.TargetHost, Remote: b.a.remote(), Local: b.a.Source, Plain: b.a.Medium.Plain,
		Ref: b.a.ref(), Pin: b.a.Medium.Revision,
		Dir: filepath.Join(b.paths.Dir, "repo"), System: b.a.System, Room: b.room(), Live: "/",
		DeployKey: b.a.DeployKey, DeployKeyFile: filepath.Join(b.paths.Dir, "deploy-key"), Env: b.gitEnv(),
		Hashes: &b.learned.hashes,
	}
	if b.a.Medium.Contract == "" { // the medium has no facts
		o.Facts, o.Evaluated = modules.Contract, &b.learned.evaluated
	}
	return o
}

func (b *builder) contract() contract.Options {
	o := contract.Options{
		Disk: b.a.Disk.identity, Labels: b.labels(),
		Medium: b.a.Medium.Contract, Found: &b.learned.facts, Sys: "/",
		Host: b.h,
	}
	if b.h.LUKS.Enable {
		o.Typed = append(o.Typed, contract.Typed{Name: "passphrase", Text: b.a.Passphrase})
		if b.a.RecoveryKey != nil {
			o.Typed = append(o.Typed, contract.Typed{Name: "recovery key", Text: b.a.RecoveryKey})
		}
	}
	if o.Medium == "" {
		o.Evaluated = &b.learned.evaluated
	}
	return o
}

func (b *builder) secrets() secrets.Options {
	o := secrets.Options{
		Host: b.h.TargetHost, Key: b.a.AgeIdentity, Must: b.a.Unattended && !b.a.NoAgeIdentity, Without: b.a.NoAgeIdentity, Found: &b.learned.secrets,
		Facts: &b.learned.facts,
	}
	if b.hasRepo() {
		o.Repo = filepath.Join(b.paths.Dir, "repo")
	}
	return o
}

func (b *builder) gate() gate.Options {
	return gate.Options{
		Disk: b.a.Disk.identity, Refusal: refusal, Hold: b.learned.held.Take, Read: b.learned.held.Sample,
	}
}

// forgetOps remove the journal of an earlier install, which can no longer be resumed once
// this one writes.
func (b *builder) forgetOps() []engine.Op {
	if b.journal != nil {
		return nil
	}
	return []engine.Op{engine.Do("", func(context.Context, sys.System) error { return journal.Drop(b.paths.Dir) })}
}

// guard makes a step after the gate run its commands on the held disk. mounted are the
// mount points of the disk that exist when the step starts.
func (b *builder) guard(mounted []string) func(sys.System) (sys.System, error) {
	return func(m sys.System) (sys.System, error) {
		if err := b.learned.held.Identify(); err != nil {
			return nil, err
		}
		if err := b.learned.held.Mounted(mounted...); err != nil {
			return nil, err
		}
		return b.learned.held.Guard(m), nil
	}
}

func (b *builder) table() partition.Options {
	return partition.Options{
		Disk: b.a.Disk.Path, SectorSize: int64(b.a.Disk.LogicalSector), DiskGUID: b.guids[0], Partitions: b.partitions, Held: &b.learned.held,
	}
}

func (b *builder) fileSystems() format.Options {
	return format.Options{
		ESP: b.part(1), ESPLabel: b.h.Labels.EFI, Root: b.rootDevice(), RootLabel: b.h.Labels.Root,
		Swap: b.swapDevice(), SwapLabel: b.h.Labels.Swap,
	}
}

func (b *builder) mounts() mount.Options {
	return mount.Options{
		Root: b.rootDevice(), ESP: b.part(1), Swap: b.swapDevice(), At: Target,
		Dirs: b.h.MountDirs(), Commands: b.h.ExtraPostMountCommands, Journal: journal.Dir,
	}
}

func (b *builder) clone() repo.Options {
	return repo.Options{
		From: filepath.Join(b.paths.Dir, "repo"), Root: Target, To: b.h.RepoClonePath, Home: b.home(), UID: b.h.TargetUID, GID: b.h.TargetGID,
	}
}

func (b *builder) identity() identity.Options {
	return identity.Options{Root: Target, Host: b.h.TargetHost, Key: b.a.AgeIdentity}
}

func (b *builder) closure() closure.Options {
	o := closure.Options{
		Installable: b.source().Installable(), Root: Target, OutLink: b.outLink(), Live: "/", Env: b.gitEnv(), Repair: b.resumed(stepMount),
	}
	if b.a.System != "" {
		o.Installable, o.Prebuilt = b.a.System, true
	}
	return o
}

func (b *builder) await() identity.AwaitOptions {
	found := &b.learned.secrets
	return identity.AwaitOptions{
		Root: Target, Host: b.h.TargetHost, Needed: found.NeedsIdentity, Fits: found.Fits,
		Addresses: network.Addresses, HostKey: "/etc/ssh/ssh_host_ed25519_key.pub", Skip: filepath.Join(b.paths.Dir, SkipFile),
	}
}

// toplevel returns the store path of the system, or the link to it if the install
// builds it.
func (b *builder) toplevel() string {
	if b.a.System != "" {
		return b.a.System
	}
	return b.outLink()
}

func (b *builder) system() system.Options {
	return system.Options{Toplevel: b.toplevel(), Root: Target}
}

func (b *builder) sshKey() sshkey.Options {
	return sshkey.Options{
		Root: Target, Home: strings.TrimPrefix(b.home(), Target+"/"), UID: b.h.TargetUID, GID: b.h.TargetGID,
		Key: b.a.DeployKey, GitHost: gitHost(b.a.remote()),
	}
}

func (b *builder) secretsProof() secretsproof.Options {
	return secretsproof.Options{Root: Target, Host: b.h.TargetHost, Secrets: &b.learned.secrets}
}

func (b *builder) proof() bootproof.Options {
	o := bootproof.Options{
		Root: Target, Toplevel: b.toplevel(), ESP: b.part(1), ESPLabel: b.h.Labels.EFI, ESPGUID: b.guids[1], Firmware: "/",
		RootFS: b.rootDevice(), RootLabel: b.h.Labels.Root, DropCaches: "/proc/sys/vm/drop_caches", SkipContents: b.a.SkipVerify,
		Facts: &b.learned.facts, Host: b.h, Hashes: &b.learned.hashes,
	}
	if luks := b.luks(); b.h.LUKS.Enable {
		o.LUKS, o.LUKSLabel, o.Mapper = luks.Device, luks.Label, luks.Mapper
		o.Passphrase, o.RecoveryKey = luks.Passphrase, luks.RecoveryKey
	}
	return o
}

func (b *builder) finish() finish.Options {
	return finish.Options{
		Root: Target, RootDevice: b.rootDevice(), ESP: espMount, ESPDevice: b.part(1),
		Logs: []string{b.paths.Log, b.paths.Events}, Journal: filepath.Join(espMount, journal.Dir),
	}
}

// powerOps show the command that runs after the log is closed.
func (b *builder) powerOps() []engine.Op {
	if !b.a.Power {
		return nil
	}
	later := func(context.Context, sys.System) error { return nil }
	return []engine.Op{engine.Together(sys.Actions(PowerCommand(b.h.PowerOff)), later)}
}
