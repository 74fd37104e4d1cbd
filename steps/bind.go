package steps

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/network"
	"auto-installer/modules"
	"auto-installer/steps/agecheck"
	"auto-installer/steps/contract"
	"auto-installer/steps/identity"
	"auto-installer/steps/partition"
	"auto-installer/steps/preflight"
	"auto-installer/steps/source"
)

// contract is what is compared before the gate. The source step evaluates what
// the medium does not tell.
func (b *builder) contract(src *source.Options) contract.Options {
	o := contract.Options{
		Disk: b.a.Disk.identity, Labels: b.labels(), Carriers: carriers,
		Medium: b.a.medium.contract, Found: &contract.Found{}, Sys: "/",
		Made: contract.Made{
			ESP: b.h.Labels.EFI, Root: b.h.Labels.Root, Swap: b.h.Labels.Swap, RandomSwap: b.h.SwapIsRandomEncrypted(),
			Keymap: b.h.Keymap, User: b.h.TargetUser, UID: b.h.TargetUID, Home: strings.TrimPrefix(b.home(), Target),
		},
	}
	if b.h.TargetUser == "root" {
		o.Made.User = ""
	}
	if b.h.LUKS.Enable {
		o.Made.LUKS, o.Made.Mapper = b.h.Labels.LUKS, b.h.LUKS.MapperName
		o.Typed = append(o.Typed, contract.Typed{Name: "passphrase", Text: b.a.Passphrase})
		if b.a.RecoveryKey != nil {
			o.Typed = append(o.Typed, contract.Typed{Name: "recovery key", Text: b.a.RecoveryKey})
		}
	}
	if o.Medium == "" {
		o.Evaluated = &[]byte{}
		src.Facts, src.Evaluated = modules.Contract, o.Evaluated
	}
	return o
}

// secrets is what the host must open, which the contract step tells.
func (b *builder) secrets(src source.Options, agreed *contract.Found) agecheck.Options {
	o := agecheck.Options{
		Host: b.h.TargetHost, Key: b.a.AgeIdentity, Must: b.a.Unattended && !b.a.NoAgeIdentity, Without: b.a.NoAgeIdentity, Found: &agecheck.Found{},
	}
	if b.hasRepo() {
		o.Repo = src.Dir
	}
	o.Named = func() (list []agecheck.Secret, known bool) {
		if agreed.Facts.Secrets == nil {
			return nil, false
		}
		for _, s := range agreed.Facts.Secrets {
			list = append(list, agecheck.Secret(s))
		}
		return list, true
	}
	o.Paths = func() []string { return agreed.Facts.IdentityPaths }
	return o
}

// await is an identity that comes over the network, when the system is there.
func (b *builder) await(found *agecheck.Found) identity.AwaitOptions {
	return identity.AwaitOptions{
		Root: Target, Host: b.h.TargetHost, Needed: found.NeedsIdentity,
		Fits:      found.Fits,
		Addresses: network.Addresses, HostKey: "/etc/ssh/ssh_host_ed25519_key.pub", Skip: filepath.Join(b.paths.Dir, skipFile),
	}
}

// preflight goes first, and is made last: it looks for the commands that the
// other steps will run.
func (p *Plan) preflight(b builder) {
	o := preflight.Options{
		FS: "/", EUID: os.Geteuid(), Commands: p.commands(), MinMemory: minMemory,
		Target: Target, RunDir: b.paths.Dir, MinRun: minRun,
		Disk: b.disk, DiskSize: b.a.Disk.Size, MinDisk: partition.MinDisk(b.swap),
		Network: b.a.network(), Patience: networkPatience,
	}
	if b.h.LUKS.Enable {
		o.Mapper = b.h.LUKS.MapperName
	}
	first := step("preflight", "check the machine", before, o, preflight.Actions, preflight.Run)
	p.Steps = slices.Insert(p.Steps, 0, first)
}

// commands are the programs that the plan's steps run, sorted.
func (p *Plan) commands() []string {
	// To look at disks, and to take back what was done.
	names := []string{"lsblk", "rm", "swapoff", "umount"}
	for _, s := range p.Steps {
		for _, a := range s.Actions {
			if len(a.Argv) > 0 {
				names = append(names, a.Argv[0])
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
