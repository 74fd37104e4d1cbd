package steps

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/journal"
)

// firstStart returns an install with LUKS, and its first plan.
func firstStart(t *testing.T) (engine.Paths, Answers, *Install) {
	t.Helper()
	paths := engine.Paths{Dir: t.TempDir()}
	a := Answers{Host: load(t, "stygianlibrary"), Disk: nvme, System: toplevel, Passphrase: []byte(passphrase)}
	p, err := InstallPlan(a, paths)
	if err != nil {
		t.Fatal(err)
	}
	return paths, a, p
}

// A resumed install has the same GUIDs, opens its container in place of creating one, and
// expects its own partition table on the disk.
func TestResumePlan(t *testing.T) {
	paths, a, first := firstStart(t)
	if _, err := ResumePlan(a, paths); sys.AsFault(err).Code != sys.CodeUsage {
		t.Errorf("nothing to resume: %v", err)
	}
	for _, s := range []engine.Name{"partition", "encrypt", "format", "mount"} {
		if err := first.journal.Note(paths.Dir, s); err != nil {
			t.Fatal(err)
		}
	}
	a.Disk.identity.PTUUID = "some-other-table"
	if _, err := ResumePlan(a, paths); err == nil || !strings.Contains(err.Error(), "was repartitioned") {
		t.Errorf("another table: %v", err)
	}
	// The disk has the partition table of the install.
	a.Disk.identity.PTUUID = first.DiskGUID
	again, err := ResumePlan(a, paths)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Partitions, first.Partitions) || again.DiskGUID != first.DiskGUID {
		t.Errorf("the GUIDs differ: %+v, %+v", again.Partitions, first.Partitions)
	}
	if again.Disk.PTUUID != first.DiskGUID {
		t.Errorf("the gate would expect table %s", again.Disk.PTUUID)
	}
	for _, s := range again.Steps {
		for _, act := range s.Actions {
			line := sys.Quote(act.Argv)
			for _, never := range []string{"luksFormat", "luksAddKey", "mkfs", "mkswap", "sfdisk --wipe"} {
				if strings.Contains(line, never) {
					t.Errorf("%s: %s", s.Name, line)
				}
			}
		}
	}
	names := func(p *Install) (ns []engine.Name) {
		for _, s := range p.Steps {
			ns = append(ns, s.Name)
		}
		return ns
	}
	if want := slices.Insert(names(first), 1, "unlock"); !slices.Equal(names(again), want) {
		t.Errorf("steps %v, %v", names(again), want)
	}
	if !slices.Contains(commandsOf(again), "nix-store") {
		t.Error("the store is not looked through")
	}
}

// A resumed install with --no-age-identity removes an identity that was sent earlier.
func TestResumeWithoutAnIdentity(t *testing.T) {
	paths, a, first := firstStart(t)
	for _, s := range []engine.Name{"partition", "encrypt", "format", "mount"} {
		if err := first.journal.Note(paths.Dir, s); err != nil {
			t.Fatal(err)
		}
		a.Disk.identity.PTUUID = first.DiskGUID
		for _, without := range []bool{false, true} {
			a.NoAgeIdentity = without
			p, err := ResumePlan(a, paths)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(p.Steps, func(s engine.Step) bool { return s.Name == "identity" })
			removes := i >= 0 && strings.HasPrefix(p.Steps[i].Actions[0].Does, "remove /mnt/etc/age/stygianlibrary.agekey")
			if removes != (without && s == "mount") || without && !removes && i >= 0 {
				t.Errorf("after %s, without %v: %+v", s, without, p.Steps)
			}
		}
	}
}

func TestResumeRefusesAnotherInstall(t *testing.T) {
	paths, a, p := firstStart(t)
	if err := p.journal.Note(paths.Dir, "partition"); err != nil {
		t.Fatal(err)
	}
	otherDisk, otherHost := a, a
	otherDisk.Disk = Disk{Path: "/dev/sda", Size: 1 << 40, LogicalSector: 512, identity: block.Identity{Path: "/dev/sda", Size: 1 << 40, Serial: "S2", LogicalSector: 512}}
	otherHost.Host.TargetHost = "elsewhere"
	for name, a := range map[string]Answers{"disk": otherDisk, "host": otherHost} {
		if _, err := ResumePlan(a, paths); sys.AsFault(err).Code != sys.CodeUsage {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if err := journal.Drop(paths.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := ResumePlan(a, paths); err == nil {
		t.Error("resumed after it was done")
	}
}

// The label of a root in a LUKS container is not in the partition table.
func TestResumeRefusesAnotherRootLabel(t *testing.T) {
	paths, a, p := firstStart(t)
	if err := p.journal.Note(paths.Dir, "partition"); err != nil {
		t.Fatal(err)
	}
	a.Disk.identity.PTUUID = p.DiskGUID
	a.Host.Labels.Root = "OTHER-ROOT"
	if _, err := ResumePlan(a, paths); sys.AsFault(err).Code != sys.CodeUsage || !strings.Contains(err.Error(), "definition has changed") {
		t.Errorf("%v", err)
	}
}

// A resumed install with fewer steps, such as without a deploy key, writes a valid journal.
func TestJournalOfFewerSteps(t *testing.T) {
	paths, a, first := firstStart(t)
	done := []engine.Name{"sshkey", "bootvm"}
	for _, s := range first.Steps {
		if s.Phase != engine.Check && s.Name != "finish" {
			done = append(done, s.Name)
		}
	}
	first.journal.Steps += 2
	for _, s := range done {
		if err := first.journal.Note(paths.Dir, s); err != nil {
			t.Fatal(err)
		}
	}
	a.Disk.identity.PTUUID = first.DiskGUID
	again, err := ResumePlan(a, paths)
	if err == nil {
		err = again.journal.Note(paths.Dir, "partition")
	}
	if err == nil {
		_, err = ResumePlan(a, paths)
	}
	if err != nil {
		t.Error(err)
	}
}

// A run that fails in a check leaves the earlier journal. After the gate, only the new
// install can be resumed.
func TestJournalUntilTheGate(t *testing.T) {
	p := newPaths(t)
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old := journal.Journal{
		Schema: journal.Schema, Host: "demo", Mode: "flake", Steps: 2,
		GUIDs: [4]string{uuid.NewString(), uuid.NewString(), uuid.NewString()},
	}
	old.Partitions = []gpt.Partition{{Number: 1, GUID: old.GUIDs[1]}, {Number: 2, GUID: old.GUIDs[2]}}
	if err := old.Note(p.Dir, "partition"); err != nil {
		t.Fatal(err)
	}
	now := old
	now.Disk.PTUUID = old.GUIDs[0]
	fails := func(context.Context, sys.System) error { return errors.New("odd") }
	gate := engine.NewStep(stepGate, "", engine.Check, (&builder{paths: p}).forgetOps()...)
	for _, writes := range []bool{false, true} {
		e := open(t, p)
		plan := testPlan(t, doing("odd", writes, fails), gate)
		if writes {
			slices.Reverse(plan.Steps)
		}
		plan.journal = &journal.Journal{Host: "demo"}
		_ = e.Close(e.Run(t.Context(), plan))
		j, _, err := journal.Find(now, p.Dir)
		if writes != errors.Is(err, journal.ErrNone) || !writes && (err != nil || !j.Has("partition")) {
			t.Errorf("a step that writes: %v; the journal is %+v, %v", writes, j, err)
		}
	}
}
