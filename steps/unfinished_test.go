package steps

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/partition"
)

// begun is a disk image with the table of an install and an empty ESP, the
// answers of that install, and its journal as of the mount step.
type begun struct {
	t     *testing.T
	image string
	a     Answers
	paths engine.Paths // of a start after a restart: nothing is in memory
	j     journal
}

// run starts a tool that the tests need.
func run(t *testing.T, stdin string, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stdin = append(os.Environ(), "MTOOLS_SKIP_CHECK=1"), strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s is needed, ./bootstrap installs it: %v\n%s", argv[0], err, out)
	}
}

func begin(t *testing.T) *begun { return beginHost(t, "stygianlibrary", func(*Answers) {}) }

func beginHost(t *testing.T, host string, change func(*Answers)) *begun {
	t.Helper()
	const size = 4 << 30
	b := &begun{t: t, image: filepath.Join(t.TempDir(), "disk.img"), paths: engine.Paths{Dir: t.TempDir()}}
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
	// After the restart, the disk is called otherwise and has the new table.
	b.a.Disk.identity.PTUUID, b.a.Disk.identity.DevNo = p.DiskGUID, "259:7"
	return b
}

func (b *begun) mkfs() {
	b.t.Helper()
	run(b.t, "", "mkfs.vfat", "-F32", "--offset", fmt.Sprint(partition.Align/512), b.image, fmt.Sprint(partition.ESPSize/1024))
}

// put writes a file of the journal's folder to the ESP.
func (b *begun) put(name string, data []byte) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.t.Fatal(err)
	}
	esp := fmt.Sprintf("%s@@%d", b.image, partition.Align)
	_ = exec.Command("mmd", "-i", esp, "::"+journalDir).Run() // it may be there
	run(b.t, "", "mcopy", "-o", "-i", esp, file, "::"+journalDir+"/"+name)
}

func (b *begun) encoded(j journal) []byte {
	b.t.Helper()
	data, err := j.encode()
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// After a power cut the journal is on the disk alone.
func TestUnfinishedAfterAPowerCut(t *testing.T) {
	b := begin(t)
	if u := FindUnfinished(b.a, b.paths); u != nil {
		t.Fatalf("found on an empty ESP: %v", u)
	}
	b.put(journalNames[0], b.encoded(b.j))
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
	line := Quote(commandsOf(p))
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

	// Starting over says what it gives up; continuing has nothing to say.
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

// Without a container nothing on the disk proves who wrote it: it is all made
// from the host's definition, which is public. Then nothing of it is kept, and
// no hash of its own is believed.
func TestUnprovenIsStartedOver(t *testing.T) {
	plain := func(t *testing.T) *begun {
		b := beginHost(t, "stygianlibrary", func(a *Answers) { a.Host.LUKS.Enable, a.Host.Labels.LUKS, a.Passphrase = false, "", nil })
		b.j.Done = []engine.Name{"partition", "format", "mount", "closure", "system"}
		return b
	}
	notYet := func(t *testing.T) *begun {
		b := begin(t)
		b.j.Done = []engine.Name{"partition", "format", "mount"}
		return b
	}
	claims := func(t *testing.T) *begun { // of a host that has none
		b := plain(t)
		b.j.Done = []engine.Name{"partition", "encrypt", "format", "mount"}
		return b
	}
	for name, begin := range map[string]func(*testing.T) *begun{"not encrypted": plain, "not encrypted yet": notYet, "said to be encrypted": claims} {
		t.Run(name, func(t *testing.T) {
			b := begin(t)
			b.put(journalNames[0], b.encoded(b.j))
			u := FindUnfinished(b.a, b.paths)
			if u == nil || u.Proven() || u.Encrypted || !u.FromDisk || u.Done != len(b.j.Done) || u.Of < u.Done {
				t.Fatalf("%+v", u)
			}
			p, err := ResumePlan(b.a, b.paths)
			if err != nil {
				t.Fatal(err)
			}
			if p.Resumed || len(p.journal.Done) != 0 || p.DiskGUID == b.j.GUIDs[0] || slices.ContainsFunc(p.Partitions, func(n partition.Partition) bool {
				return slices.Contains(b.j.GUIDs[:], n.GUID)
			}) {
				t.Errorf("something of the disk is kept: %+v", p)
			}
			line := Quote(commandsOf(p))
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

			// Without --resume it is the same, but for what it says and looks for.
			b.a.WarnOfUnfinished(b.paths)
			over, err := InstallPlan(b.a, b.paths)
			if err != nil || !slices.Equal(over.Notes, p.Notes) || len(over.Steps) != len(p.Steps)-1 {
				t.Errorf("%v, %q", err, over.Notes)
			}

			// What this boot has written is its own, whatever the disk says.
			if err := p.journal.note(b.paths, "partition"); err != nil {
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

// commandsOf are all command lines of a plan.
func commandsOf(p *Install) (words []string) {
	for _, s := range p.Steps {
		for _, a := range s.Actions {
			words = append(words, a.Argv...)
		}
	}
	return words
}

// What is in memory counts before what is on the disk, if it is of this
// install.
func TestUnfinishedInMemoryFirst(t *testing.T) {
	b := begin(t)
	b.put(journalNames[0], b.encoded(b.j))
	ram := b.j
	if err := ram.note(b.paths, "repo"); err != nil {
		t.Fatal(err)
	}
	if u := FindUnfinished(b.a, b.paths); u == nil || u.Done != 5 || u.FromDisk {
		t.Errorf("%+v", u)
	}
	// What the target's store has may not have been written out: it is looked
	// through once there can be something.
	for done, mends := range map[engine.Name]bool{"partition": false, "mount": true, "closure": true} {
		now := ram
		now.Done = now.Done[:max(1, slices.Index(now.Done, done)+1)]
		if done == "closure" {
			now.Done = append(slices.Clone(ram.Done), done)
		}
		if err := now.note(b.paths, done); err != nil {
			t.Fatal(err)
		}
		p, err := ResumePlan(b.a, b.paths)
		if err != nil || slices.Contains(commandsOf(p), "nix-store") != mends {
			t.Errorf("after %s: %v, %q", now.Done, err, commandsOf(p))
		}
	}
	ram.Host = "elsewhere"
	if err := ram.note(b.paths, "repo"); err != nil {
		t.Fatal(err)
	}
	if u := FindUnfinished(b.a, b.paths); u == nil || u.Done != 4 || !u.FromDisk {
		t.Errorf("%+v", u)
	}
}

// The power may be cut while the journal is written: the older one is still
// whole.
func TestUnfinishedTornJournal(t *testing.T) {
	b := begin(t)
	newer := b.j
	newer.Done, newer.Serial = append(slices.Clone(newer.Done), "repo"), newer.Serial+1
	whole, newest := b.encoded(b.j), b.encoded(newer)
	for _, c := range []struct {
		name  string
		files [2][]byte // nil: not there
		done  int       // 0: none is found
	}{
		{"the second is newer", [2][]byte{whole, newest}, 5},
		{"the first is newer", [2][]byte{newest, whole}, 5},
		{"half of the second is written", [2][]byte{whole, newest[:len(newest)/2]}, 4},
		{"none of the first is written", [2][]byte{{}, whole}, 4},
		{"zeros", [2][]byte{make([]byte, 512), newest}, 5},
		{"only the first", [2][]byte{whole, nil}, 4},
		{"only the second", [2][]byte{nil, whole}, 4},
		{"both damaged", [2][]byte{whole[:100], newest[:100]}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := *b
			b.t = t
			b.mkfs()
			for i, data := range c.files {
				if data != nil {
					b.put(journalNames[i], data)
				}
			}
			u := FindUnfinished(b.a, b.paths)
			if (u == nil) != (c.done == 0) || u != nil && u.Done != c.done {
				t.Errorf("%+v", u)
			}
		})
	}
}

// What is not this very install is not continued, and why is said.
func TestUnfinishedOfAnother(t *testing.T) {
	b := begin(t)
	changed := func(change func(*journal)) []byte {
		j := b.j
		j.Partitions, j.Done = slices.Clone(j.Partitions), slices.Clone(j.Done)
		change(&j)
		return b.encoded(j)
	}
	whole := b.encoded(b.j)
	otherDisk, otherHost, otherMode, otherSwap := b.a, b.a, b.a, b.a
	otherDisk.Disk.identity.Serial = "S2"
	otherHost.Host.TargetHost = "elsewhere"
	otherMode.System, otherMode.Source, otherMode.Host.Prebuilt = "", "/iso/nix-config", false
	otherSwap.Host.Swap.Enable, otherSwap.Host.Swap.Size, otherSwap.Host.Labels.Swap = true, "256M", "SWAP"
	const guid = "00000000-0000-4000-8000-000000000000"
	for _, c := range []struct {
		name string
		data []byte
		a    Answers
		why  string
	}{
		{"another host", whole, otherHost, "it is of stygianlibrary (prebuilt)"},
		{"another mode", whole, otherMode, "it is of stygianlibrary (prebuilt)"},
		{"a copy of the disk", whole, otherDisk, "serial number"},
		{"another definition", whole, otherSwap, "definition has changed"},
		{"another table", changed(func(j *journal) { j.GUIDs[0] = guid }), b.a, "for another partition table"},
		{"another partition", changed(func(j *journal) { j.GUIDs[2], j.Partitions[1].GUID = guid, guid }), b.a, "for another partition table"},
		{"another size", changed(func(j *journal) { j.Partitions[1].Size -= 512 }), b.a, "for another partition table"},
		{"a newer program's", changed(func(j *journal) { j.Schema = "auto-installer/journal/2" }), b.a, "this program reads auto-installer/journal/1"},
		{"truncated", whole[:len(whole)-20], b.a, "damaged"},
		{"zeros", make([]byte, 4096), b.a, "damaged"},
		{"empty", []byte{}, b.a, "damaged"},
		{"too large", append(bytes.Repeat([]byte(" "), maxJournal), whole...), b.a, "too large"},
		{"an unknown key", bytes.Replace(whole, []byte(`"mode"`), []byte(`"x": 1, "mode"`), 1), b.a, "damaged"},
		{"something behind it", append(slices.Clone(whole), "{}"...), b.a, "damaged"},
		{"nothing done", changed(func(j *journal) { j.Done = nil }), b.a, "no unfinished install"},
		{"escape sequences", changed(func(j *journal) { j.Host = "a\x1b[2J" }), b.a, "invalid host"},
		{"a number that cannot be counted on", changed(func(j *journal) { j.Serial = math.MaxInt }), b.a, "damaged"},
		{"never written", changed(func(j *journal) { j.Serial = 0 }), b.a, "damaged"},
		{"a step twice", changed(func(j *journal) { j.Done[1] = j.Done[0] }), b.a, "invalid step"},
		{"more done than there is", changed(func(j *journal) { j.Steps = 1 }), b.a, "1, 4 of them done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := *b
			b.t = t
			b.put(journalNames[0], c.data)
			if u := FindUnfinished(c.a, b.paths); u != nil {
				t.Errorf("found %v", u)
			}
			_, err := ResumePlan(c.a, b.paths)
			if e := engine.NewError("", err); err == nil || e.Code != sys.CodeUsage || e.Hint == "" || !strings.Contains(e.Cause, c.why) {
				t.Errorf("%+v", err)
			}
		})
	}
}

// A disk without any of it is no trouble.
func TestNothingUnfinished(t *testing.T) {
	b := begin(t)
	b.put(journalNames[0], b.encoded(b.j))
	none := func(what string) {
		t.Helper()
		_, err := ResumePlan(b.a, b.paths)
		if e := engine.NewError("", err); err == nil || e.Code != sys.CodeUsage || !strings.Contains(e.Cause, "no unfinished install") {
			t.Errorf("%s: %+v", what, err)
		}
	}
	f, err := os.OpenFile(b.image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, 4096), partition.Align); err != nil { // as wipefs does
		t.Fatal(err)
	}
	none("no file system")
	if _, err := f.WriteAt(make([]byte, partition.Align), 0); err != nil {
		t.Fatal(err)
	}
	none("half a table")
	if err := errors.Join(f.Truncate(0), f.Truncate(b.a.Disk.Size)); err != nil {
		t.Fatal(err)
	}
	none("blank")
	b.a.Disk.Path = filepath.Join(t.TempDir(), "gone")
	none("gone")
}

// What keep writes last is what is found, and what it wrote before is whole
// meanwhile.
func TestJournalIsKept(t *testing.T) {
	b := begin(t)
	esp := t.TempDir()
	dir := filepath.Join(esp, journalDir)
	read := func(name string) (journal, error) {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return journal{}, err
		}
		defer f.Close()
		return parseJournal(f)
	}
	for i, step := range []engine.Name{"repo", "closure", "system", "system"} {
		if err := b.j.note(b.paths, step); err != nil {
			t.Fatal(err)
		}
		before, older, _ := newestJournal(read)
		if err := b.j.store(esp); err != nil {
			t.Fatal(err)
		}
		j, next, err := newestJournal(read)
		if err != nil || !slices.Equal(j.Done, b.j.Done) || j.Serial != b.j.Serial || next == older {
			t.Errorf("%+v, %v, next is %s", j, err, next)
		}
		if still, err := read(next); i > 0 && (err != nil || still.Serial != before.Serial) {
			t.Errorf("%+v, %v", still, err)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 2 {
		t.Errorf("%q", names)
	}
	if err := b.j.store(filepath.Join(dir, journalNames[0])); err == nil {
		t.Error("kept in a file")
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"schema": "auto-installer/journal/1", "host": "demo", "mode": "flake", "disk": {"path": "/dev/vda", "size": 4294967296, "logicalSector": 512, "devNo": "254:0"},` +
		`"guids": ["00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", ""],` +
		`"partitions": [{"number": 1, "start": 1048576, "size": 1073741824, "type": "", "guid": "00000000-0000-4000-8000-000000000001", "name": "E"},` +
		`{"number": 2, "start": 1074790400, "size": 3219128320, "type": "", "guid": "00000000-0000-4000-8000-000000000002", "name": "R"}],` +
		`"steps": 11, "done": ["partition"], "time": "2026-05-04T21:30:00Z", "serial": 1}`))
	f.Add([]byte(`{"schema": "auto-installer/journal/1"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := parseJournal(bytes.NewReader(data))
		if err != nil {
			return
		}
		if err := j.validate(); err != nil {
			t.Fatal(err)
		}
		again, err := j.encode()
		if err != nil {
			t.Fatal(err)
		}
		if k, err := parseJournal(bytes.NewReader(again)); err != nil || k.Host != j.Host || !slices.Equal(k.Done, j.Done) {
			t.Fatalf("%v of\n%s", err, again)
		}
		_ = j.fits(Answers{Disk: nvme})
	})
}
