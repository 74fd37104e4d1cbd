package steps

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/journal"
	"auto-installer/steps/partition"
)

// interrupted is a disk image with the partition table of an install, an empty ESP, the answers of
// that install, and its journal after the mount step.
type interrupted struct {
	t     *testing.T
	image string
	a     Answers
	paths engine.Paths // after a reboot: memory is empty
	j     journal.Journal
}

// run runs a tool that the tests need.
func run(t *testing.T, stdin string, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stdin = append(os.Environ(), "MTOOLS_SKIP_CHECK=1"), strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s is needed, ./bootstrap installs it: %v\n%s", argv[0], err, out)
	}
}

func begin(t *testing.T) *interrupted { return beginHost(t, "stygianlibrary", func(*Answers) {}) }

func beginHost(t *testing.T, host string, change func(*Answers)) *interrupted {
	t.Helper()
	const size = 4 << 30
	b := &interrupted{t: t, image: filepath.Join(t.TempDir(), "disk.img"), paths: engine.Paths{Dir: t.TempDir()}}
	id := block.Identity{Path: b.image, Serial: "S1", Model: "Lab", Size: size, LogicalSector: 512, DevNo: "259:0"}
	b.a = Answers{
		Host: load(t, host), System: toplevel, Passphrase: []byte(passphrase),
		Disk: Disk{Path: b.image, Size: size, LogicalSector: 512, identity: id},
	}
	change(&b.a)
	p, err := InstallPlan(b.a, engine.Paths{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(b.image, nil, 0o600), os.Truncate(b.image, size)); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Steps, func(s engine.Step) bool { return s.Name == "partition" })
	run(t, p.Steps[i].Actions[0].Stdin, "sfdisk", "--quiet", b.image)
	b.mkfs()
	b.j = *p.journal
	b.j.Done, b.j.Time = []engine.Name{"partition", "encrypt", "format", "mount"}, time.Date(2026, 5, 4, 21, 30, 0, 0, time.UTC)
	b.j.Serial = 4
	// After the reboot, the disk has another path and the new partition table.
	b.a.Disk.identity.PTUUID, b.a.Disk.identity.DevNo = p.DiskGUID, "259:7"
	return b
}

func (b *interrupted) mkfs() {
	b.t.Helper()
	run(b.t, "", "mkfs.vfat", "-F32", "--offset", fmt.Sprint(partition.Align/512), b.image, fmt.Sprint(partition.ESPSize/1024))
}

// put writes a file to the journal's folder on the ESP.
func (b *interrupted) put(name string, data []byte) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.t.Fatal(err)
	}
	esp := fmt.Sprintf("%s@@%d", b.image, partition.Align)
	_ = exec.Command("mmd", "-i", esp, "::"+journal.Dir).Run() // it may exist
	run(b.t, "", "mcopy", "-o", "-i", esp, file, "::"+journal.Dir+"/"+name)
}

func (b *interrupted) encoded(j journal.Journal) []byte {
	b.t.Helper()
	data, err := json.Marshal(j)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// After a power cut only the disk has the journal.
func TestUnfinishedAfterAPowerCut(t *testing.T) {
	b := begin(t)
	if u := FindUnfinished(b.a, b.paths); u != nil {
		t.Fatalf("found on an empty ESP: %v", u)
	}
	b.put("journal-a.json", b.encoded(b.j))
	noPassphrase := b.a
	noPassphrase.Passphrase = nil
	u := FindUnfinished(noPassphrase, b.paths)
	if u == nil || u.Done != 4 || u.Of <= u.Done || u.Last != "mount" || !u.FromDisk || !u.Proven() || !u.Time.Equal(b.j.Time) {
		t.Fatalf("%+v", u)
	}
	if s := u.String(); !strings.Contains(s, "stygianlibrary") || !strings.Contains(s, "2026-05-04 21:30") {
		t.Error(s)
	}
	p, err := ResumePlan(b.a, b.paths)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Resumed || !slices.Equal(p.Partitions, b.j.Partitions) || p.Disk.PTUUID != b.j.GUIDs[0] {
		t.Errorf("%+v", p)
	}
	if p.Steps[1].Name != "unlock" {
		t.Errorf("the passphrase is tried after %s", p.Steps[0].Name)
	}
	line := sys.Quote(commandsOf(p))
	for _, want := range []string{"fsck.fat -a", "e2fsck -p", "nix-store --store /mnt --verify --check-contents --repair"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	for _, want := range []string{"fsck.fat", "e2fsck", "nix-store", "cryptsetup"} {
		if !strings.Contains(p.Steps[0].Actions[2].Does, want) {
			t.Errorf("%s is not looked for", want)
		}
	}

	// A plan that starts over says what is lost; one that resumes does not.
	b.a.WarnOfUnfinished(b.paths)
	over, err := InstallPlan(b.a, b.paths)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(over.Notes, func(w string) bool { return strings.Contains(w, "--resume") }) || over.DiskGUID == b.j.GUIDs[0] {
		t.Errorf("%q, table %s", over.Notes, over.DiskGUID)
	}
	p, err = ResumePlan(b.a, b.paths)
	if err != nil || slices.ContainsFunc(p.Notes, func(w string) bool { return strings.Contains(w, "--resume") }) {
		t.Errorf("%v, %q", err, p.Notes)
	}
}

// Without a container, nothing on the disk proves who wrote it, because everything is made from
// the host's public definition. Then nothing of it stays, and its hashes do not count.
func TestUnprovenIsStartedOver(t *testing.T) {
	plain := func(t *testing.T) *interrupted {
		b := beginHost(t, "stygianlibrary", func(a *Answers) { a.Host.LUKS.Enable, a.Host.Labels.LUKS, a.Passphrase = false, "", nil })
		b.j.Done = []engine.Name{"partition", "format", "mount", "closure", "system"}
		return b
	}
	notYet := func(t *testing.T) *interrupted {
		b := begin(t)
		b.j.Done = []engine.Name{"partition", "format", "mount"}
		return b
	}
	claims := func(t *testing.T) *interrupted { // for a host without a container
		b := plain(t)
		b.j.Done = []engine.Name{"partition", "encrypt", "format", "mount"}
		return b
	}
	for name, begin := range map[string]func(*testing.T) *interrupted{"not encrypted": plain, "not encrypted yet": notYet, "said to be encrypted": claims} {
		t.Run(name, func(t *testing.T) {
			b := begin(t)
			b.put("journal-a.json", b.encoded(b.j))
			u := FindUnfinished(b.a, b.paths)
			if u == nil || u.Proven() || u.Encrypted || !u.FromDisk || u.Done != len(b.j.Done) || u.Of < u.Done {
				t.Fatalf("%+v", u)
			}
			p, err := ResumePlan(b.a, b.paths)
			if err != nil {
				t.Fatal(err)
			}
			if p.Resumed || len(p.journal.Done) != 0 || p.DiskGUID == b.j.GUIDs[0] || slices.ContainsFunc(p.Partitions, func(n gpt.Partition) bool {
				return slices.Contains(b.j.GUIDs[:], n.GUID)
			}) {
				t.Errorf("something of the disk is kept: %+v", p)
			}
			line := sys.Quote(commandsOf(p))
			for _, want := range []string{"sfdisk --wipe always --wipe-partitions always", "mkfs.vfat", "mkfs.ext4", "debugfs -R"} {
				if !strings.Contains(line, want) {
					t.Errorf("no %s in %s", want, line)
				}
			}
			for _, never := range []string{"fsck", "--verify --check-contents"} {
				if strings.Contains(line, never) {
					t.Errorf("%s in %s", never, line)
				}
			}
			if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, Unproven) }) {
				t.Errorf("notes %q", p.Notes)
			}
			if p.Steps[1].Name != "unstarted" || p.Steps[1].Phase != engine.Check {
				t.Errorf("a system in use is looked for in %+v", p.Steps[1])
			}

			// Without --resume the plan is the same, except for its notes and the check that the system was never started.
			b.a.WarnOfUnfinished(b.paths)
			over, err := InstallPlan(b.a, b.paths)
			if err != nil || !slices.Equal(over.Notes, p.Notes) || len(over.Steps) != len(p.Steps)-1 {
				t.Errorf("%v, %q", err, over.Notes)
			}

			// A journal in memory is trusted, whatever the disk has.
			if err := p.journal.Note(b.paths.Dir, "partition"); err != nil {
				t.Fatal(err)
			}
			b.a.Disk.identity.PTUUID = p.DiskGUID
			u = FindUnfinished(b.a, b.paths)
			if u == nil || !u.Proven() || u.FromDisk || u.Done != 1 {
				t.Errorf("%+v", u)
			}
		})
	}
}

// commandsOf returns all command lines of a plan.
func commandsOf(p *Install) (words []string) {
	for _, s := range p.Steps {
		for _, a := range s.Actions {
			words = append(words, a.Argv...)
		}
	}
	return words
}

// A journal in memory precedes one on the disk, if it is for this install.
func TestUnfinishedInMemoryFirst(t *testing.T) {
	b := begin(t)
	b.put("journal-a.json", b.encoded(b.j))
	ram := b.j
	if err := ram.Note(b.paths.Dir, "repo"); err != nil {
		t.Fatal(err)
	}
	if u := FindUnfinished(b.a, b.paths); u == nil || u.Done != 5 || u.FromDisk {
		t.Errorf("%+v", u)
	}
	// The target's store may be incomplete, so it is verified once it may have content.
	for done, mends := range map[engine.Name]bool{"partition": false, "mount": true, "closure": true} {
		now := ram
		now.Done = now.Done[:max(1, slices.Index(now.Done, done)+1)]
		if done == "closure" {
			now.Done = append(slices.Clone(ram.Done), done)
		}
		if err := now.Note(b.paths.Dir, done); err != nil {
			t.Fatal(err)
		}
		p, err := ResumePlan(b.a, b.paths)
		if err != nil || slices.Contains(commandsOf(p), "nix-store") != mends {
			t.Errorf("after %s: %v, %q", now.Done, err, commandsOf(p))
		}
	}
	ram.Host = "elsewhere"
	if err := ram.Note(b.paths.Dir, "repo"); err != nil {
		t.Fatal(err)
	}
	if u := FindUnfinished(b.a, b.paths); u == nil || u.Done != 4 || !u.FromDisk {
		t.Errorf("%+v", u)
	}
}
