package journal

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine"
)

// sound returns a journal of an install that has finished its mount step.
func sound() Journal {
	j := Journal{
		Schema: Schema, Host: "demo", Mode: Flake, Steps: 11, Serial: 4, Done: []engine.Name{"partition", "format", "mount"},
		GUIDs: [4]string{uuid.NewString(), uuid.NewString(), uuid.NewString()},
	}
	j.Partitions = []gpt.Partition{{Number: 1, GUID: j.GUIDs[1]}, {Number: 2, GUID: j.GUIDs[2]}}
	return j
}

// The last journal that store wrote is found, and while it writes, the one before stays intact.
func TestJournalIsKept(t *testing.T) {
	now, memory, esp := sound(), t.TempDir(), t.TempDir()
	dir := filepath.Join(esp, Dir)
	read := func(name string) (Journal, error) { return read(filepath.Join(dir, name)) }
	for i, step := range []engine.Name{"repo", "closure", "system", "system"} {
		if err := now.Note(memory, step); err != nil {
			t.Fatal(err)
		}
		before, older, _ := newest(read)
		if err := now.Store(esp); err != nil {
			t.Fatal(err)
		}
		j, next, err := newest(read)
		if err != nil || !slices.Equal(j.Done, now.Done) || j.Serial != now.Serial || next == older {
			t.Errorf("%+v, %v, next is %s", j, err, next)
		}
		if still, err := read(next); i > 0 && (err != nil || still.Serial != before.Serial) {
			t.Errorf("%+v, %v", still, err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 2 {
		t.Errorf("%q", files)
	}
	if err := now.Store(filepath.Join(dir, names[0])); err == nil {
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
		j, err := parse(bytes.NewReader(data))
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
		if k, err := parse(bytes.NewReader(again)); err != nil || k.Host != j.Host || !slices.Equal(k.Done, j.Done) {
			t.Fatalf("%v of\n%s", err, again)
		}
		_ = j.fits(Journal{Disk: block.Identity{Path: "/dev/vda"}})
	})
}
