package steps

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/finish"
	"auto-installer/steps/journal"
)

// Install is the plan of an install.
type Install struct {
	// Schema is the version of the plan's JSON, and Hash the SHA-256 of all its other
	// fields.
	Schema string `json:"schema"`
	Hash   string `json:"hash,omitempty"`
	engine.Plan
	Mode       string          `json:"mode"` // "flake" or "prebuilt"
	Disk       block.Identity  `json:"disk"`
	DiskGUID   string          `json:"diskGuid"` // of the partition table
	Partitions []gpt.Partition `json:"partitions"`
	// Waits is what the install may wait for after it was confirmed, or empty.
	Waits string `json:"waits,omitempty"`
	// SystemUnknown: the plan was made without the prebuilt system, and <toplevel> is the
	// placeholder for its path.
	SystemUnknown bool `json:"systemUnknown,omitempty"`

	root    string           // Target
	power   sys.Cmd          // runs at the end, or empty
	journal *journal.Journal // for a later resume
	held    *block.Held
	warned  bool // that the journal cannot be written to the ESP
	// unfinished is the install that the plan resumes, as its journal describes it.
	unfinished *Unfinished
}

// Target is where the new system is mounted. Paths in a host's definition
// start with it.
const Target = "/mnt"

// espMount is where the ESP is mounted.
const espMount = Target + "/boot"

const (
	// MinMemory is the least memory for a clone and an evaluation, in bytes. A machine
	// of 1 GiB reports a little less.
	MinMemory = 900 << 20
	// minRun is the least room for a clone and the logs, in bytes.
	minRun = 64 << 20
	// minLeft is the least room for the journal and the logs at the gate, in bytes.
	minLeft = 16 << 20
	// networkPatience is how long the network may take to come up.
	networkPatience = 20 * time.Second
)

// MakePlan makes the plan of a new install, or of one that resumes.
func MakePlan(a Answers, paths engine.Paths) (*Install, error) {
	if a.Resume {
		return ResumePlan(a, paths)
	}
	return InstallPlan(a, paths)
}

// Preview makes a plan to show, which does not need the passphrase.
func Preview(a Answers, p engine.Paths) (*Install, error) { return MakePlan(standIn(a), p) }

// InstallPlan makes the plan of a new install. It reads nothing from the machine: all it
// needs is in the answers and the paths.
func InstallPlan(a Answers, paths engine.Paths) (*Install, error) {
	b := builder{a: a, h: a.Host, paths: paths, guids: newGUIDs()}
	return b.plan()
}

func newGUIDs() (guids [4]string) {
	for i := range guids {
		guids[i] = uuid.NewString()
	}
	return guids
}

// ResumePlan makes the plan that resumes an unfinished install, from its journal in memory
// or on the disk: with the same GUIDs, and only what is left of the finished steps. If
// nothing proves that this installer wrote the disk, the plan starts over. It reads the
// disk.
func ResumePlan(a Answers, paths engine.Paths) (*Install, error) {
	j, fromDisk, err := journal.Find(journal.Journal{Host: a.Host.TargetHost, Mode: a.mode(), Disk: a.Disk.identity}, paths.Dir)
	if err != nil {
		return nil, err
	}
	found := unfinishedOf(j, fromDisk, a.Host.LUKS.Enable)
	// The disk has the partition table that the unfinished install wrote.
	if j.Has(stepPartition) {
		a.Disk.identity.PTUUID = j.GUIDs[0]
	}
	b := builder{a: a, h: a.Host, paths: paths, guids: j.GUIDs}
	if found.Proven() {
		b.journal = &j
	}
	p, err := b.plan()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(p.Partitions, j.Partitions) || p.journal.RootLabel != j.RootLabel {
		return nil, sys.Usage("leave out --resume to start over", "the host's definition has changed: its partitions differ from those of the unfinished install")
	}
	// The unfinished install may have had steps that this one lacks, such as sshkey.
	found.Of = max(p.journal.Steps, len(j.Done))
	if b.journal == nil {
		b.a.unfinished, b.unstarted, b.guids = &found, true, newGUIDs()
		if p, err = b.plan(); err != nil {
			return nil, err
		}
	} else {
		// The other fields are the plan's own, because a journal on the disk is untrusted.
		p.journal.Done, p.journal.Serial, p.journal.Steps = j.Done, j.Serial, found.Of
	}
	p.unfinished = &found
	return p, nil
}

func (b builder) plan() (*Install, error) {
	a := b.a
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if err := b.layout(); err != nil {
		return nil, err
	}
	b.learned = &learned{}
	verb := "installing"
	if b.journal != nil {
		verb = "resuming the install of"
	}
	p := &Install{
		Plan: engine.Plan{
			Title:    fmt.Sprintf("%s %s on %s (%s)", verb, b.h.TargetHost, a.Disk.Path, a.mode()),
			Warnings: b.warnings(), Notes: b.notes(), Steps: b.steps(), Host: b.h.TargetHost, Target: a.Disk.Path, Resumed: b.journal != nil,
		},
		Schema: PlanSchema,
		Mode:   a.mode(), Disk: a.Disk.identity.Lasting(), Waits: b.waits(),
		DiskGUID: b.guids[0], Partitions: b.partitions, SystemUnknown: a.noSystem,
		root: Target, held: &b.learned.held,
		journal: &journal.Journal{
			Schema: journal.Schema, Host: b.h.TargetHost, Mode: a.mode(), Disk: a.Disk.identity.Lasting(), GUIDs: b.guids,
			Partitions: b.partitions, RootLabel: b.h.Labels.Root,
		},
	}
	for _, s := range p.Steps {
		if s.Phase != engine.Check {
			p.journal.Steps++
		}
	}
	if a.Power {
		p.power = PowerCommand(b.h.PowerOff)
	}
	p.Head, p.Gate = p.head(), "above: checks only; below: writes, unattended"
	if p.Waits != "" {
		p.Gate = "above: checks only; below: writes, and may wait for " + p.Waits
	}
	p.Hash = p.sum()
	return p, nil
}

// head returns the lines that describe the plan in the dry run.
func (p *Install) head() []string {
	d := p.Disk
	lines := []string{
		fmt.Sprintf("host  %s (%s)", p.Host, p.Mode),
		fmt.Sprintf("disk  %s, %s, %d-byte sectors  %s %s", d.Path, block.FormatSize(d.Size), d.LogicalSector, d.Model, d.Serial),
	}
	for _, part := range p.Partitions {
		lines = append(lines, fmt.Sprintf("      %d  %-12s %10s at %s", part.Number, part.Name, block.FormatSize(part.Size), block.FormatSize(part.Start)))
	}
	return lines
}

// Wrote updates the journal in memory and, while the target is mounted, on its ESP. If the
// ESP fails, the install goes on, but cannot be resumed after a power cut. The last step
// leaves nothing to resume.
func (p *Install) Wrote(e *engine.Engine, s engine.Step) error {
	if s.Name == stepFinish {
		if err := journal.Drop(e.Paths.Dir); err != nil {
			e.Warn("cannot remove the journal: " + err.Error())
		}
		return nil
	}
	if err := p.journal.Note(e.Paths.Dir, s.Name); err != nil {
		return engine.NoFiles(err)
	}
	if !p.mounted(e) || !sys.Mounted(p.esp()).Holds() {
		return nil
	}
	if err := p.journal.Store(p.esp()); err != nil && !p.warned {
		p.warned = true
		e.Warn("cannot write the journal to the ESP, so the install cannot be resumed after a power cut: " + err.Error())
	}
	return nil
}

func (p *Install) esp() string { return filepath.Join(p.root, "boot") }

// mounted returns whether this install has mounted the target.
func (p *Install) mounted(e *engine.Engine) bool {
	return e.Mounts() && sys.Mounted(p.root).Holds() && p.held.Mounted(p.root) == nil
}

// Failed saves the logs on the target, unless the failed step found the target in use.
func (p *Install) Failed(e *engine.Engine, s engine.Step, code sys.Code) {
	if s.Phase == engine.Check || code == sys.CodeUsage || !p.mounted(e) {
		return
	}
	if err := finish.KeepLogs(finish.Options{Root: p.root, Logs: []string{e.Paths.Log, e.Paths.Events}}); err != nil {
		e.Log("cannot save the log on the target: " + err.Error())
	}
}

// Stopped implements engine.Job.
func (p *Install) Stopped(_, stop error) error { return stop }

// Close releases the disk.
func (p *Install) Close() error { return p.held.Close() }

// Power runs the plan's last command. Call it after the engine's Close, when the log is
// complete.
func (p *Install) Power(ctx context.Context) error {
	if p.power.Argv == nil {
		return nil
	}
	return Power(ctx, p.power)
}

// PowerCommand powers the machine off or reboots it.
func PowerCommand(off bool) sys.Cmd {
	if off {
		return sys.Cmd{Does: "power off", Argv: []string{"systemctl", "poweroff"}}
	}
	return sys.Cmd{Does: "reboot", Argv: []string{"systemctl", "reboot"}}
}

// Power runs a PowerCommand.
func Power(ctx context.Context, c sys.Cmd) error {
	if err := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...).Run(); err != nil {
		return fmt.Errorf("to %s: %w", c.Does, err)
	}
	return nil
}

// names joins the names of steps.
func names(list []engine.Name) string {
	var words []string
	for _, n := range list {
		words = append(words, string(n))
	}
	return strings.Join(words, ", ")
}
