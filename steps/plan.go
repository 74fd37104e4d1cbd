package steps

import (
	"path/filepath"
	"slices"

	"auto-installer/internal/boot/vm"
	"auto-installer/internal/disk/gate"
	"auto-installer/internal/engine"
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

// The names of the steps.
const (
	stepPreflight    engine.Name = "preflight"
	stepVM           engine.Name = "vm"
	stepUnlock       engine.Name = "unlock"
	stepUnstarted    engine.Name = "unstarted"
	stepSource       engine.Name = "source"
	stepContract     engine.Name = "contract"
	stepSecrets      engine.Name = "secrets"
	stepGate         engine.Name = "gate"
	stepPartition                = journal.Partition
	stepEncrypt      engine.Name = "encrypt"
	stepFormat       engine.Name = "format"
	stepMount        engine.Name = "mount"
	stepRepo         engine.Name = "repo"
	stepIdentity     engine.Name = "identity"
	stepClosure      engine.Name = "closure"
	stepSystem       engine.Name = "system"
	stepSSHKey       engine.Name = "sshkey"
	stepSecretsProof engine.Name = "secretsproof"
	stepBootProof    engine.Name = "bootproof"
	stepBootVM       engine.Name = "bootvm"
	stepFinish       engine.Name = "finish"
)

// entry is a step of the list: when it is part of an install, and how many seconds it takes
// on a usual machine; 0 means about one.
//
// The usual machine has a SATA SSD and installs a system of 3 GB. Measured: 37 to 55 s to
// copy a prebuilt closure of 2.6 GB, 18 s to read it back, 4 to 60 s for a clone and its
// evaluation, 2 s for each time that cryptsetup derives a key (its --iter-time). A closure
// that is built is downloaded first: 3 GB take 4 minutes at 100 Mbit/s.
type entry struct {
	when    bool
	name    engine.Name
	phase   engine.Phase
	seconds float64
	does    string
	ops     []engine.Op
}

// list is the install, top to bottom: checks above the gate, writes and proofs below it.
// commands are the programs that the steps run; preflight verifies that they exist.
func (b *builder) list(commands []string) []entry {
	const check, write, prove = engine.Check, engine.Write, engine.Prove
	luks, withVM := b.h.LUKS.Enable, b.a.ProveBoot == ProveVM
	clone, build := 30., 240.
	if b.a.mode() == journal.Prebuilt {
		clone, build = 2, 50
	}
	return []entry{
		{true, stepPreflight, check, 0, "check the machine", preflight.Ops(b.preflight(commands))},
		{withVM, stepVM, check, 0, "verify that a virtual machine can start", vm.ReadyOps(b.vm())},
		{b.resumed(stepEncrypt), stepUnlock, check, 4, "try the keys on the LUKS2 container of the unfinished install", encrypt.TryOps(b.luks())},
		{b.unstarted, stepUnstarted, check, 0, "verify that the system on the disk was never started", mount.UnstartedOps(b.part(2))},
		{true, stepSource, check, clone, "get the config repo, and verify that there is a system to install", source.Ops(b.source())},
		{true, stepContract, check, 0, "compare the layout with the host's configuration, and its labels with the other disks", contract.Ops(b.contract())},
		{true, stepSecrets, check, 0, "verify that the age identity decrypts the host's secrets", secrets.Ops(b.secrets())},
		{true, stepGate, check, 0, "verify that the disk is still the confirmed one, and not in use", slices.Concat(gate.Ops(b.gate()), preflight.RoomOps(b.paths.Dir, minLeft), b.forgetOps())},

		{true, stepPartition, write, 0, "write the partition table", partition.Ops(b.table())},
		{luks, stepEncrypt, write, 10, "create the LUKS2 container and open it", encrypt.Ops(b.luks())},
		{true, stepFormat, write, 2, "create the file systems", format.Ops(b.fileSystems())},
		{true, stepMount, write, 0, "mount the file systems below " + Target, mount.Ops(b.mounts())},
		{b.hasRepo(), stepRepo, write, 0, "copy the config repo to " + b.h.RepoClonePath, repo.Ops(b.clone())},
		{b.a.AgeIdentity != nil, stepIdentity, write, 0, "install the age identity", identity.Ops(b.identity())},
		{b.a.AgeIdentity == nil && b.a.NoAgeIdentity && b.resumed(stepMount), stepIdentity, write, 0, "remove an age identity that was sent earlier", identity.RemoveOps(b.identity())},
		{true, stepClosure, write, build, "put the system into the target's store", closure.Ops(b.closure())},
		// Before the system is activated, which creates users for good: one whose
		// password is a secret would have no password.
		{b.waits() != "", stepIdentity, write, 0, "wait for the age identity, if the host has secrets", identity.AwaitOps(b.await())},
		{true, stepSystem, write, 10, "activate the system and install its boot loader", system.Ops(b.system())},
		{b.a.DeployKey != nil && b.h.TargetUser != "", stepSSHKey, write, 0, "give the deploy key to " + b.h.TargetUser, sshkey.Ops(b.sshKey())},

		{true, stepSecretsProof, prove, 0, "prove that the host's secrets decrypt on the target", secretsproof.Ops(b.secretsProof())},
		{true, stepBootProof, prove, 20, "prove that the firmware will boot the system", bootproof.Ops(b.proof())},
		{withVM, stepBootVM, prove, 60, "boot the disk in a virtual machine, read-only", vm.Ops(b.vm())},
		{true, stepFinish, write, 0, "save the logs and unmount", append(finish.Ops(b.finish()), b.powerOps()...)},
	}
}

// steps makes the steps of the list. Those after the gate run their commands on the held
// disk only; see block.Held.
func (b *builder) steps() []engine.Step { return b.bind(commands(b.bind(nil))) }

func (b *builder) bind(commands []string) (list []engine.Step) {
	var mounted []string
	for _, e := range b.list(commands) {
		if !e.when {
			continue
		}
		s := engine.NewStep(e.name, e.does, e.phase, e.ops...)
		s.Weight = e.seconds
		if b.resumed(e.name) {
			s = s.Resumed()
		}
		if e.phase != engine.Check {
			s.Guard = b.guard(mounted)
		}
		if e.name == stepMount {
			mounted = []string{Target, espMount}
		}
		list = append(list, s)
	}
	return list
}

// commands returns the programs that the steps run, sorted.
func commands(list []engine.Step) []string {
	// The survey of the disks and the undo list run these.
	names := []string{"lsblk", "rm", "swapoff", "umount"}
	for _, s := range list {
		for _, a := range s.Actions {
			if len(a.Argv) > 0 {
				names = append(names, a.Argv[0])
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// outLink is the link that nix makes to the system that it has built.
func (b *builder) outLink() string { return filepath.Join(b.paths.Dir, "toplevel") }
