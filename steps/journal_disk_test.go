package steps

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/sys"
	"auto-installer/steps/journal"
	"auto-installer/steps/partition"
)

// A power cut while the journal is written leaves the older one intact.
func TestUnfinishedTornJournal(t *testing.T) {
	b := begin(t)
	newer := b.j
	newer.Done, newer.Serial = append(slices.Clone(newer.Done), "repo"), newer.Serial+1
	whole, newest := b.encoded(b.j), b.encoded(newer)
	for _, c := range []struct {
		name  string
		files [2][]byte // nil: no file
		done  int       // 0: no journal is found
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
					b.put([]string{"journal-a.json", "journal-b.json"}[i], data)
				}
			}
			u := FindUnfinished(b.a, b.paths)
			if (u == nil) != (c.done == 0) || u != nil && u.Done != c.done {
				t.Errorf("%+v", u)
			}
		})
	}
}

// The journal of any other install is not resumed, and the error says why.
func TestUnfinishedOfAnother(t *testing.T) {
	b := begin(t)
	changed := func(change func(*journal.Journal)) []byte {
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
		{"another table", changed(func(j *journal.Journal) { j.GUIDs[0] = guid }), b.a, "for another partition table"},
		{"another partition", changed(func(j *journal.Journal) { j.GUIDs[2], j.Partitions[1].GUID = guid, guid }), b.a, "for another partition table"},
		{"another size", changed(func(j *journal.Journal) { j.Partitions[1].Size -= 512 }), b.a, "for another partition table"},
		{"a newer program's", changed(func(j *journal.Journal) { j.Schema = "auto-installer/journal/2" }), b.a, "this program reads auto-installer/journal/1"},
		{"truncated", whole[:len(whole)-20], b.a, "damaged"},
		{"zeros", make([]byte, 4096), b.a, "damaged"},
		{"empty", []byte{}, b.a, "damaged"},
		{"too large", append(bytes.Repeat([]byte(" "), 64<<10), whole...), b.a, "too large"},
		{"an unknown key", bytes.Replace(whole, []byte(`"mode"`), []byte(`"x": 1, "mode"`), 1), b.a, "damaged"},
		{"something behind it", append(slices.Clone(whole), "{}"...), b.a, "damaged"},
		{"nothing done", changed(func(j *journal.Journal) { j.Done = nil }), b.a, "no unfinished install"},
		{"escape sequences", changed(func(j *journal.Journal) { j.Host = "a\x1b[2J" }), b.a, "invalid host"},
		{"a number that cannot be counted on", changed(func(j *journal.Journal) { j.Serial = math.MaxInt }), b.a, "damaged"},
		{"never written", changed(func(j *journal.Journal) { j.Serial = 0 }), b.a, "damaged"},
		{"a step twice", changed(func(j *journal.Journal) { j.Done[1] = j.Done[0] }), b.a, "invalid step"},
		{"more done than there is", changed(func(j *journal.Journal) { j.Steps = 1 }), b.a, "1, 4 of them done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := *b
			b.t = t
			b.put("journal-a.json", c.data)
			if u := FindUnfinished(c.a, b.paths); u != nil {
				t.Errorf("found %v", u)
			}
			_, err := ResumePlan(c.a, b.paths)
			if e := sys.AsFault(err); err == nil || e.Code != sys.CodeUsage || e.Hint == "" || !strings.Contains(e.Cause, c.why) {
				t.Errorf("%+v", err)
			}
		})
	}
}

// A disk without a journal is no error.
func TestNothingUnfinished(t *testing.T) {
	b := begin(t)
	b.put("journal-a.json", b.encoded(b.j))
	none := func(what string) {
		t.Helper()
		_, err := ResumePlan(b.a, b.paths)
		if e := sys.AsFault(err); err == nil || e.Code != sys.CodeUsage || !strings.Contains(e.Cause, "no unfinished install") {
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
