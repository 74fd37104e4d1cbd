package steps

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"auto-installer/internal/boot/vm"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/sys"
	"auto-installer/steps/agecheck"
	"auto-installer/steps/bootproof"
	"auto-installer/steps/closure"
	"auto-installer/steps/contract"
	"auto-installer/steps/encrypt"
	"auto-installer/steps/finish"
	"auto-installer/steps/format"
	"auto-installer/steps/gate"
	"auto-installer/steps/identity"
	"auto-installer/steps/mount"
	"auto-installer/steps/partition"
	"auto-installer/steps/repo"
	"auto-installer/steps/source"
	"auto-installer/steps/sshkey"
	"auto-installer/steps/system"
)

// Plan is what will be done, in order. Title and Steps are of every plan, the
// rest of an install's.
type Plan struct {
	Title string `json:"title"` // what is done, "flashing a.iso to /dev/sdb"
	// Schema and Hash are of an install's plan when it is made: its form, and
	// the SHA-256 over all else that it says.
	Schema     string                `json:"schema,omitempty"`
	Hash       string                `json:"hash,omitempty"`
	Host       string                `json:"host,omitempty"`
	Mode       string                `json:"mode,omitempty"` // "flake" or "prebuilt"
	Disk       block.Identity        `json:"disk,omitzero"`
	DiskGUID   string                `json:"diskGuid,omitempty"` // of the table to be written
	Partitions []partition.Partition `json:"partitions,omitempty"`
	Warnings   []string              `json:"warnings"`
	// Notes are for before the install alone: nothing to be told of at its end.
	Notes []string `json:"notes,omitempty"`
	Steps []Step   `json:"steps"`
	// Waits is what the install may wait for after it was confirmed, or empty.
	Waits string `json:"waits,omitempty"`
	// SystemUnknown: the prebuilt system was not at hand when the plan was made,
	// and <toplevel> stands for its path.
	SystemUnknown bool `json:"systemUnknown,omitempty"`
	// Resumed: an earlier install has written to the disk already.
	Resumed bool `json:"resumed,omitempty"`

	root    string
	power   sys.Cmd
	journal *journal // of an install: what another engine can continue
	held    *block.Held
	lock    *os.File // of a repo that is changed, until the task has ended
	shared  bool     // several tasks of this kind may run at once
	// unfinished is what the journal that was found tells, of a plan that was
	// made to continue.
	unfinished *Unfinished
}

// Target is where the new system is mounted. Paths in a host's definition
// start with it.
const Target = "/mnt"

// espMount is where its ESP is.
const espMount = Target + "/boot"

const (
	// minMemory is the least memory that a clone and an evaluation fit in,
	// in bytes: a machine of 1 GiB shows a little less.
	minMemory = 900 << 20
	// minRun is the least room for a clone and the logs, in bytes.
	minRun = 64 << 20
	// minLeft is the least room for the journal and the logs, at the gate.
	minLeft = 16 << 20
	// networkPatience is how long the network may take to come up.
	networkPatience = 20 * time.Second
)

// InstallPlan makes the plan of an install. It looks at nothing: all it needs
// is in the answers and the paths. The error is an *Error.
func InstallPlan(a Answers, paths Paths) (*Plan, error) {
	b := builder{a: a, h: a.Host, paths: paths, disk: a.Disk.Path, guids: newGUIDs()}
	return b.plan()
}

func newGUIDs() (guids [4]string) {
	for i := range guids {
		guids[i] = uuid.NewString()
	}
	return guids
}

// ResumePlan makes the plan that continues what an earlier engine began, as the
// journal in memory or the one on the disk tells: the same GUIDs, and for each
// step that it finished what is left to do of it. What nothing proves to be
// this installer's work is started over. It reads the disk. The error is an
// *Error.
func ResumePlan(a Answers, paths Paths) (*Plan, error) {
	j, fromDisk, err := findJournal(a, paths)
	if err != nil {
		return nil, NewError("", err)
	}
	found := j.unfinished(fromDisk, a.Host.LUKS.Enable)
	// The disk carries the table that the earlier engine wrote.
	if j.done("partition") {
		a.Disk.identity.PTUUID = j.GUIDs[0]
	}
	b := builder{a: a, h: a.Host, paths: paths, disk: a.Disk.Path, guids: j.GUIDs}
	if found.Proven() {
		b.begun = &j
	}
	p, err := b.plan()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(p.Partitions, j.Partitions) || p.journal.RootLabel != j.RootLabel {
		return nil, NewError("", fault(sys.CodeUsage, "leave out --resume to start over", "the host's definition has changed: its partitions are not those of the unfinished install"))
	}
	// What was done then need not be part of it now, such as the deploy key.
	found.Of = max(p.journal.Steps, len(j.Done))
	if b.begun == nil {
		b.a.unfinished, b.unstarted, b.guids = &found, true, newGUIDs()
		if p, err = b.plan(); err != nil {
			return nil, err
		}
	} else {
		// The rest of the journal is the plan's own: on the disk it is anyone's.
		p.journal.Done, p.journal.Serial, p.journal.Steps = j.Done, j.Serial, found.Of
	}
	p.unfinished = &found
	return p, nil
}

func (b builder) plan() (*Plan, error) {
	a := b.a
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if err := b.layout(); err != nil {
		return nil, NewError("", err)
	}
	b.held = &block.Held{}
	p := &Plan{
		held:  b.held,
		Title: fmt.Sprintf("installing %s on %s (%s)", b.h.TargetHost, a.Disk.Path, b.mode()),
		Host:  b.h.TargetHost, Mode: b.mode(), Disk: a.Disk.identity.Lasting(), Waits: b.waits(),
		DiskGUID: b.diskGUID, Partitions: b.partitions, Warnings: b.warnings(), Notes: b.notes(), SystemUnknown: a.noSystem, Resumed: b.begun != nil,
		root: Target,
		journal: &journal{
			Schema: journalSchema, Host: b.h.TargetHost, Mode: b.mode(), Disk: a.Disk.identity.Lasting(), GUIDs: b.guids,
			Partitions: b.partitions, RootLabel: b.h.Labels.Root,
		},
	}
	if p.Resumed {
		p.Title = fmt.Sprintf("continuing to install %s on %s (%s)", b.h.TargetHost, a.Disk.Path, b.mode())
	}
	p.Steps = b.steps()
	for i, s := range p.Steps {
		if s.again != nil && b.begun != nil && b.begun.done(s.Name) {
			p.Steps[i] = s.again(s)
		}
		if s.Writes {
			p.journal.Steps++
		}
	}
	if a.Power {
		p.power = b.power()
	}
	p.preflight(b)
	p.Schema = PlanSchema
	p.Hash = p.sum()
	return p, nil
}

const (
	before = false // before the gate: writes to no disk
	after  = true
)

// The steps that prove what the others have written.
const (
	stepOpened    = "opened"
	stepBootProof = "bootproof"
	stepBootVM    = "bootvm"
)

// steps is the install plan. Everything above the gate only checks; everything
// below it runs without questions.
func (b *builder) steps() []Step {
	var hashes map[string]string // of a prebuilt system, once source has asked
	src := b.source()
	agreed := b.contract(&src)
	opens := b.secrets(src, agreed.Found)
	outLink := filepath.Join(b.paths.Dir, "toplevel")
	build := closure.Options{Installable: src.Installable(), Root: Target, OutLink: outLink, Live: "/", Env: b.gitEnv(), Mend: b.begun != nil && b.begun.done("mount")}
	sysOpts := system.Options{Toplevel: outLink, Root: Target}
	if b.a.System != "" {
		build.Installable, build.Prebuilt = b.a.System, true
		src.Hashes = &hashes
		sysOpts.Toplevel = b.a.System
	}
	luks := encrypt.Options{
		Device: b.part(2), Label: b.h.Labels.LUKS, Mapper: b.h.LUKS.MapperName, Passphrase: b.a.Passphrase,
		RecoveryKey: b.a.RecoveryKey,
	}
	proof := bootproof.Options{
		Root: Target, Toplevel: sysOpts.Toplevel, ESP: b.part(1), ESPLabel: b.h.Labels.EFI, ESPGUID: b.guids[1], Firmware: "/",
		RootFS: b.rootDevice(), RootLabel: b.h.Labels.Root, DropCaches: "/proc/sys/vm/drop_caches", SkipContents: b.a.SkipVerify,
		OtherLoader: agreed.Found.OtherLoader,
	}
	if b.a.System != "" {
		proof.Hashes = func() map[string]string { return hashes }
	}
	if b.h.LUKS.Enable {
		proof.LUKS, proof.LUKSLabel, proof.Mapper = luks.Device, luks.Label, luks.Mapper
		proof.Passphrase, proof.RecoveryKey = luks.Passphrase, luks.RecoveryKey
		proof.LUKSDevices = agreed.Found.LUKSDevices
	}

	table := partition.Options{
		Disk: b.disk, SectorSize: int64(b.a.Disk.LogicalSector), DiskGUID: b.diskGUID, Partitions: b.partitions, Held: b.held,
	}
	fs := format.Options{
		ESP: b.part(1), ESPLabel: b.h.Labels.EFI, Root: b.rootDevice(), RootLabel: b.h.Labels.Root,
		Swap: b.swapDevice(), SwapLabel: b.h.Labels.Swap,
	}
	list := append(b.unlock(luks), b.neverStarted()...)
	list = append(list,
		step("source", "bring the config repo to memory and see that there is a system to install", before, src, source.Actions, source.Run),
		step("contract", "compare what will be made with the host's own configuration and the other disks", before,
			agreed, contract.Actions, contract.Run),
		step("secrets", "try the age identity on the host's secrets", before, opens, agecheck.Actions, agecheck.Run),
		step("gate", "make sure that this is still the disk that was confirmed, and unused", before,
			gate.Options{
				Disk: b.a.Disk.identity, Refusal: refusal, Hold: b.held.Take, Read: b.held.Sample,
				RunDir: b.paths.Dir, MinRun: minLeft,
			}, gate.Actions, gate.Run),
		again(step("partition", "write the partition table", after, table, partition.Actions, partition.Run),
			table, partition.AgainActions, partition.Again),
	)
	add := func(s Step) { list = append(list, s) }
	if b.h.LUKS.Enable {
		add(again(step("encrypt", "make the LUKS2 container and open it", after, luks, encrypt.Actions, encrypt.Run),
			luks, encrypt.AgainActions, encrypt.Again))
	}
	add(again(step("format", "make the file systems", after, fs, format.Actions, format.Run), fs, format.AgainActions, format.Again))
	at := mount.Options{
		Root: b.rootDevice(), ESP: b.part(1), Swap: b.swapDevice(), At: Target,
		Dirs: b.h.MountDirs(), Commands: b.h.ExtraPostMountCommands, Journal: journalDir,
	}
	mounts := again(step("mount", "mount them below "+Target, after, at, mount.Actions, mount.Run), at, mount.AgainActions, mount.Again)
	mounts.mounts = []string{Target, espMount}
	add(mounts)
	if b.hasRepo() {
		clone := repo.Options{
			From: src.Dir, Root: Target, To: b.h.RepoClonePath, Home: b.home(), UID: b.h.TargetUID, GID: b.h.TargetGID,
		}
		add(step("repo", "copy the config repo to "+b.h.RepoClonePath, after, clone, repo.Actions, repo.Run))
	}
	if b.a.AgeIdentity != nil {
		add(step("identity", "put the age identity in place", after,
			identity.Options{Root: Target, Host: b.h.TargetHost, Key: b.a.AgeIdentity}, identity.Actions, identity.Run))
	} else if b.a.NoAgeIdentity && b.begun != nil && b.begun.done("mount") {
		add(step("identity", "remove an age identity that was sent before", after,
			identity.Options{Root: Target, Host: b.h.TargetHost}, identity.RemoveActions, identity.Remove))
	}
	add(step("closure", "bring the system into the target's store", after, build, closure.Actions, closure.Run))
	// Before the system is activated: users whose password is a secret would
	// else be made without one, for good.
	if b.waits() != "" {
		add(step("identity", "wait for the age identity, if the host has secrets", after, b.await(opens.Found), identity.AwaitActions, identity.Await))
	}
	add(step("system", "make it the system, with its boot loader", after, sysOpts, system.Actions, system.Run))
	if b.a.DeployKey != nil && b.h.TargetUser != "" {
		add(step("sshkey", "give the deploy key to "+b.h.TargetUser, after, sshkey.Options{
			Root: Target, Home: strings.TrimPrefix(b.home(), Target+"/"), UID: b.h.TargetUID, GID: b.h.TargetGID,
			Key: b.a.DeployKey, GitHost: gitHost(b.a.remote()),
		}, sshkey.Actions, sshkey.Run))
	}
	add(step(stepOpened, "prove that the host's secrets open on the target", after,
		agecheck.InstalledOptions{Root: Target, Host: b.h.TargetHost, Found: opens.Found}, agecheck.InstalledActions, agecheck.Installed))
	add(step(stepBootProof, "prove what the firmware will start", after, proof, bootproof.Actions, bootproof.Run))
	if b.a.ProveBoot == ProveVM {
		vm := vmSteps(vm.Options{
			Disk: b.disk, SectorSize: b.a.Disk.LogicalSector, Passphrase: b.a.Passphrase,
			Mounted: []string{Target, Target + "/boot"}, Dir: filepath.Join(b.paths.Dir, "vm"), Live: "/",
		})
		list = slices.Insert(list, 0, vm[0])
		add(vm[1])
	}
	add(step("finish", "keep the logs and let go of the disk", after,
		finish.Options{
			Root: Target, RootDevice: b.rootDevice(), ESP: espMount, ESPDevice: b.part(1),
			Logs: []string{b.paths.Log, b.paths.Events}, Journal: filepath.Join(espMount, journalDir),
		}, finish.Actions, finish.Run))
	if b.a.Power {
		last := &list[len(list)-1]
		last.Actions = append(last.Actions, b.power().Action())
	}
	var mounted []string
	for i, s := range list {
		if s.Writes {
			list[i] = guarded(s, b.held, mounted...)
		}
		mounted = append(mounted, s.mounts...)
	}
	return list
}
