package partition

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

var update = flag.Bool("update", false, "write the golden files again")

var guids = [4]string{
	"00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001",
	"00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003",
}

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
)

func options(t *testing.T, w Want, disk string) Options {
	t.Helper()
	ps, err := Layout(w)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Disk: disk, SectorSize: w.SectorSize, DiskGUID: w.GUIDs[0], Partitions: ps, Held: &held{}}
}

// held records its calls, or fails.
type held struct {
	asked            []string
	given            []gpt.Partition
	reread, handOver error
}

func (h *held) Reread(context.Context) error {
	h.asked = append(h.asked, "reread")
	return h.reread
}

func (h *held) HandOver(_ context.Context, want []gpt.Partition) error {
	h.asked = append(h.asked, "hand over")
	h.given = want
	return h.handOver
}

// asDump returns what sfdisk --json prints for a disk with these options.
func asDump(o Options) string {
	type part struct {
		Node  string `json:"node"`
		Start int64  `json:"start"`
		Size  int64  `json:"size"`
		Type  string `json:"type"`
		UUID  string `json:"uuid"`
		Name  string `json:"name,omitempty"`
	}
	var ps []part
	for _, p := range o.Partitions {
		ps = append(ps, part{
			fmt.Sprintf("%sp%d", o.Disk, p.Number), p.Start / o.SectorSize, p.Size / o.SectorSize,
			strings.ToUpper(p.Type), strings.ToUpper(p.GUID), p.Name,
		})
	}
	out, _ := json.Marshal(map[string]any{"partitiontable": map[string]any{
		"label": "gpt", "id": strings.ToUpper(o.DiskGUID), "device": o.Disk, "unit": "sectors",
		"firstlba": 34, "lastlba": 1 << 24, "sectorsize": o.SectorSize, "partitions": ps,
	}})
	return string(out)
}

func expect(f *sys.Fake, o Options, dump string) {
	f.Expect("sfdisk", "--wipe", "always", "--wipe-partitions", "always", "--no-reread", "--no-tell-kernel", "--lock=no", o.Disk)
	f.Expect("udevadm", "settle")
	f.Expect("sfdisk", "--json", o.Disk).Prints(dump)
}

func TestCommands(t *testing.T) {
	o := options(t, want(8*gib, 512, gib), filepath.Join(t.TempDir(), "disk.img"))
	writeImage(t, o)
	f := sys.NewFake(t)
	expect(f, o, asDump(o))
	if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
		t.Fatal(err)
	}
	var said []sys.Action
	for _, a := range enginetest.Shown(Ops(o)...) {
		if a.Argv != nil {
			said = append(said, a)
		}
	}
	if got := sys.Actions(f.Ran...); !reflect.DeepEqual(got, said) {
		t.Errorf("ran\n%+v, said\n%+v", got, said)
	}
	h := o.Held.(*held)
	if !slices.Equal(h.asked, []string{"reread", "hand over"}) {
		t.Errorf("of what is held was asked %q", h.asked)
	}
	if !slices.Equal(h.given, o.Partitions) {
		t.Errorf("%+v was to be claimed, %+v was written", h.given, o.Partitions)
	}
	if string(f.Ran[0].Stdin) != script(o) {
		t.Error("sfdisk did not get the script")
	}
}

func TestFailures(t *testing.T) {
	good := options(t, want(8*gib, 512, gib), filepath.Join(t.TempDir(), "disk.img"))
	writeImage(t, good)
	other := func(change func(o *Options)) string {
		o := good
		o.Partitions = slices.Clone(good.Partitions)
		change(&o)
		return asDump(o)
	}
	const write = 0
	steps := [][]string{
		{"sfdisk", "--wipe", "always", "--wipe-partitions", "always", "--no-reread", "--no-tell-kernel", "--lock=no", good.Disk},
		{"udevadm", "settle"},
		{"sfdisk", "--json", good.Disk},
	}
	for failing := write; failing < len(steps); failing++ {
		t.Run(fmt.Sprint("command ", failing), func(t *testing.T) {
			f := sys.NewFake(t)
			for i, argv := range steps[:failing+1] {
				if c := f.Expect(argv...); i == failing {
					c.Fails(1, "error: broken")
				}
			}
			isFault(t, enginetest.Run(t.Context(), f, Ops(good)...), "error: broken")
		})
	}
	t.Run("the kernel does not read it", func(t *testing.T) {
		o := good
		o.Held = &held{reread: errors.New("busy")}
		f := sys.NewFake(t)
		f.Expect(steps[write]...)
		isFault(t, enginetest.Run(t.Context(), f, Ops(o)...), "busy")
	})
	t.Run("someone came in", func(t *testing.T) {
		o := good
		o.Held = &held{handOver: sys.Faultf(sys.CodeWritten, "let go", "held by another")}
		f := sys.NewFake(t)
		f.Expect(steps[write]...)
		isFault(t, enginetest.Run(t.Context(), f, Ops(o)...), "held by another")
	})
	for name, dump := range map[string]string{
		"other disk GUID":  other(func(o *Options) { o.DiskGUID = guids[1] }),
		"other name":       other(func(o *Options) { o.Partitions[1].Name = "ELSE" }),
		"other size":       other(func(o *Options) { o.Partitions[1].Size -= mib }),
		"other start":      other(func(o *Options) { o.Partitions[2].Start += mib }),
		"other type":       other(func(o *Options) { o.Partitions[2].Type = gpt.TypeLinux }),
		"other PARTUUID":   other(func(o *Options) { o.Partitions[0].GUID = guids[0] }),
		"one missing":      other(func(o *Options) { o.Partitions = o.Partitions[:2] }),
		"other sectors":    strings.Replace(asDump(good), `"sectorsize":512`, `"sectorsize":4096`, 1),
		"MBR":              strings.Replace(asDump(good), `"gpt"`, `"dos"`, 1),
		"not JSON":         "sfdisk: cannot open",
		"nothing":          "",
		"null":             "null",
		"JSON of no table": "{}",
	} {
		t.Run(name, func(t *testing.T) {
			f := sys.NewFake(t)
			expect(f, good, dump)
			isFault(t, enginetest.Run(t.Context(), f, Ops(good)...), "reading the partition table back")
		})
	}
	t.Run("sfdisk sees it and the disk has it not", func(t *testing.T) {
		o := good
		o.Disk = filepath.Join(t.TempDir(), "empty.img")
		if err := os.WriteFile(o.Disk, make([]byte, 8*mib), 0o600); err != nil {
			t.Fatal(err)
		}
		f := sys.NewFake(t)
		expect(f, o, asDump(o))
		isFault(t, enginetest.Run(t.Context(), f, Ops(o)...), "reading the partition table back")
	})
	t.Run("the disk is gone", func(t *testing.T) {
		o := good
		o.Disk = filepath.Join(t.TempDir(), "gone.img")
		f := sys.NewFake(t)
		expect(f, o, asDump(o))
		isFault(t, enginetest.Run(t.Context(), f, Ops(o)...), "no such file")
	})
}

func isFault(t *testing.T, err error, say string) {
	t.Helper()
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok || f.Code != sys.CodeWritten || f.Hint == "" || !strings.Contains(f.Cause, say) {
		t.Errorf("%#v", err)
	}
}

func FuzzParseDump(f *testing.F) {
	ps, err := Layout(want(8*gib, 512, gib))
	if err != nil {
		f.Fatal(err)
	}
	o := Options{Disk: "/dev/x", SectorSize: 512, DiskGUID: guids[0], Partitions: ps}
	for _, s := range []string{
		asDump(o), "", "null", "{}", "[]", `{"partitiontable":null}`, `{"partitiontable":{"label":"gpt","partitions":[null]}}`,
		`{"partitiontable":{"label":"gpt","sectorsize":-9223372036854775808,"partitions":[{"start":9223372036854775807,"size":-1}]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		seen, err := parseDump(data)
		if err != nil {
			return
		}
		if len(seen.Partitions) > len(data) {
			t.Fatalf("%d partitions out of %d bytes", len(seen.Partitions), len(data))
		}
		for i, p := range seen.Partitions {
			if p.Number != i+1 {
				t.Fatalf("partition %d has number %d", i+1, p.Number)
			}
		}
		// Only exactly the planned table passes.
		if compare(o, seen, "") == nil && !slices.Equal(seen.Partitions, ps) {
			t.Fatalf("%s passes", data)
		}
	})
}
