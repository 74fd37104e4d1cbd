package partition

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

var update = flag.Bool("update", false, "write the golden files anew")

var guids = [4]string{
	"00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001",
	"00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003",
}

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
)

func want(size, sector, swap int64) Want {
	w := Want{DiskSize: size, SectorSize: sector, ESP: "T-EFI", Root: "T-ROOT", GUIDs: guids}
	if swap > 0 {
		w.Swap, w.SwapSize = "T-SWAP", swap
	}
	return w
}

func TestLayout(t *testing.T) {
	for _, c := range []struct {
		name string
		w    Want
		want []Partition
	}{
		{"plain, 512", want(8*gib, 512, 0), []Partition{
			{1, mib, gib, TypeESP, guids[1], "T-EFI"},
			{2, mib + gib, 7*gib - 2*mib, TypeLinux, guids[2], "T-ROOT"},
		}},
		{"plain, 4096", want(8*gib, 4096, 0), []Partition{
			{1, mib, gib, TypeESP, guids[1], "T-EFI"},
			{2, mib + gib, 7*gib - 2*mib, TypeLinux, guids[2], "T-ROOT"},
		}},
		{"swap at the end", want(8*gib, 512, 2*gib), []Partition{
			{1, mib, gib, TypeESP, guids[1], "T-EFI"},
			{2, mib + gib, 5*gib - 2*mib, TypeLinux, guids[2], "T-ROOT"},
			{3, 6*gib - mib, 2 * gib, TypeSwap, guids[3], "T-SWAP"},
		}},
		{"swap of an odd size is rounded up", want(8*gib, 4096, 2*gib-1000), []Partition{
			{1, mib, gib, TypeESP, guids[1], "T-EFI"},
			{2, mib + gib, 5*gib - 2*mib, TypeLinux, guids[2], "T-ROOT"},
			{3, 6*gib - mib, 2 * gib, TypeSwap, guids[3], "T-SWAP"},
		}},
		{"disk of an odd size", want(8*gib+3*512, 512, 0), []Partition{
			{1, mib, gib, TypeESP, guids[1], "T-EFI"},
			{2, mib + gib, 7*gib - 2*mib, TypeLinux, guids[2], "T-ROOT"},
		}},
		{"room for the backup table at the very end of a MiB", want(8*gib+33*512, 512, 0), []Partition{
			{1, mib, gib, TypeESP, guids[1], "T-EFI"},
			{2, mib + gib, 7*gib - mib, TypeLinux, guids[2], "T-ROOT"},
		}},
		{"the smallest", want(MinDisk(0), 512, 0), []Partition{
			{1, mib, gib, TypeESP, guids[1], "T-EFI"},
			{2, mib + gib, MinRoot, TypeLinux, guids[2], "T-ROOT"},
		}},
		{"the smallest with swap", want(MinDisk(mib), 4096, mib), []Partition{
			{1, mib, gib, TypeESP, guids[1], "T-EFI"},
			{2, mib + gib, MinRoot, TypeLinux, guids[2], "T-ROOT"},
			{3, mib + gib + MinRoot, mib, TypeSwap, guids[3], "T-SWAP"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Layout(c.w)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%+v, want\n%+v", got, c.want)
			}
		})
	}
}

func TestLayoutRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		w    Want
		code sys.Code // 0: not a mistake of the operator
		say  string
	}{
		{"empty disk", want(0, 512, 0), sys.CodeMachine, "too small"},
		{"one byte short", want(MinDisk(0)-1, 512, 0), sys.CodeMachine, "too small"},
		{"one byte short for swap", want(MinDisk(gib)-1, 512, gib), sys.CodeMachine, "too small"},
		{"swap larger than the disk", want(8*gib, 512, 1<<50), sys.CodeMachine, "too small"},
		{"no sector size", want(8*gib, 0, 0), 0, "sector size: 0"},
		{"CD's sector of 2352", want(8*gib, 2352, 0), 0, "sector size: 2352"},
		{"sector of 2 MiB", want(8*gib, 2*mib, 0), 0, "sector size"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ps, err := Layout(c.w)
			if err == nil || !strings.Contains(err.Error(), c.say) || ps != nil {
				t.Fatalf("%v, %v", ps, err)
			}
			f, ok := errors.AsType[*sys.Fault](err)
			if ok != (c.code != 0) || ok && (f.Code != c.code || f.Hint == "") {
				t.Errorf("%+v", err)
			}
		})
	}
}

// Partitions of any size are aligned, in order, without gap or overlap, and at least as large
// as asked for. The backup table has room, and no space is wasted.
func TestLayoutProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		sector := []int64{512, 1024, 2048, 4096}[rng.IntN(4)]
		var swap int64
		if rng.IntN(2) == 0 {
			swap = 1 + rng.Int64N(1<<(20+rng.IntN(20)))
		}
		size := (MinDisk(swap) + rng.Int64N(1<<(10+rng.IntN(40)))) / sector * sector
		w := want(size, sector, swap)
		ps, err := Layout(w)
		if size < MinDisk(swap) {
			if err == nil {
				t.Fatalf("%+v: too small, yet laid out", w)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v", w, err)
		}
		at := int64(Align)
		for i, p := range ps {
			if p.Number != i+1 || p.Start != at || p.Size <= 0 || p.Start%Align != 0 || p.Size%Align != 0 {
				t.Fatalf("%+v: partition %+v after %d", w, p, at)
			}
			at = p.Start + p.Size
		}
		free := size - at - (gptEntries+sector-1)/sector*sector - sector
		if free < 0 || free >= Align {
			t.Fatalf("%+v: %d bytes left before the backup table", w, free)
		}
		if ps[0].Size != ESPSize || ps[1].Size < MinRoot || swap > 0 && (ps[2].Size < swap || ps[2].Size >= swap+Align) {
			t.Fatalf("%+v: sizes %+v", w, ps)
		}
	}
}

func options(t *testing.T, w Want, disk string) Options {
	t.Helper()
	ps, err := Layout(w)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Disk: disk, SectorSize: w.SectorSize, DiskGUID: w.GUIDs[0], Partitions: ps, Held: &held{}}
}

func TestScript(t *testing.T) {
	for name, w := range map[string]Want{
		"plain-512": want(8*gib, 512, 0), "plain-4096": want(8*gib, 4096, 0),
		"swap-512": want(8*gib, 512, gib), "swap-4096": want(8*gib, 4096, gib),
	} {
		got := script(options(t, w, "/dev/x"))
		file := filepath.Join("testdata", name+".golden")
		if *update {
			if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(golden) {
			t.Errorf("%s: got\n%swant\n%s", name, got, golden)
		}
	}
}

// held records its calls, or fails.
type held struct {
	asked            []string
	given            []block.Extent
	reread, handOver error
}

func (h *held) Reread(context.Context) error {
	h.asked = append(h.asked, "reread")
	return h.reread
}

func (h *held) HandOver(_ context.Context, want []block.Extent) error {
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

func tool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is needed: ./bootstrap installs it", name)
	}
}

// writeImage writes the script to a sparse image file: with sfdisk for sectors of 512 bytes.
// sfdisk takes other sizes from a device only, so for them it is fdisk, which reads the same
// script with the same library.
func writeImage(t *testing.T, o Options) {
	t.Helper()
	f, err := os.OpenFile(o.Disk, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	last := o.Partitions[len(o.Partitions)-1]
	if err := errors.Join(f.Truncate(last.Start+last.Size+mib), f.Close()); err != nil {
		t.Fatal(err)
	}
	var cmd *exec.Cmd
	if o.SectorSize == 512 {
		tool(t, "sfdisk")
		cmd = exec.Command("sfdisk", "--lock=no", o.Disk)
		cmd.Stdin = strings.NewReader(script(o))
	} else {
		tool(t, "fdisk")
		file := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(file, []byte(script(o)), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command("fdisk", "--lock=no", "-b", fmt.Sprint(o.SectorSize), o.Disk)
		cmd.Stdin = strings.NewReader("I\n" + file + "\nw\n")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Path, err, out)
	}
}

// The real sfdisk reads the script. Both of our readers and sgdisk read the result.
func TestRealTable(t *testing.T) {
	for name, w := range map[string]Want{
		"plain-512": want(8*gib, 512, 0), "plain-4096": want(8*gib, 4096, 0),
		"swap-512": want(40*gib, 512, 9*gib), "swap-4096": want(40*gib, 4096, 9*gib),
		"swap-of-odd-size": want(8*gib, 512, gib+1),
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, w, filepath.Join(t.TempDir(), "disk.img"))
			writeImage(t, o)

			seen, err := readTable(o)
			if err == nil {
				err = compare(o, seen, "go-diskfs")
			}
			if err != nil {
				t.Error(err)
			}

			if w.SectorSize == 512 { // the only size that these read from a file
				out, err := exec.Command("sfdisk", "--json", o.Disk).Output()
				if err != nil {
					t.Fatal(err)
				}
				if seen, err = parseDump(out); err == nil {
					err = compare(o, seen, "sfdisk")
				}
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				tool(t, "sgdisk")
				out, err = exec.Command("sgdisk", "-v", o.Disk).CombinedOutput()
				if err != nil || !strings.Contains(string(out), "No problems found") {
					t.Errorf("sgdisk -v: %v\n%s", err, out)
				}
			} else {
				cmd := exec.Command("fdisk", "-b", fmt.Sprint(o.SectorSize), "-l", "-o", "Start,Sectors,UUID,Name", o.Disk)
				cmd.Env = append(os.Environ(), "LC_ALL=C")
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				for _, p := range o.Partitions {
					line := fmt.Sprint(p.Start/o.SectorSize, " ", p.Size/o.SectorSize, " ", strings.ToUpper(p.GUID), " ", p.Name)
					if !strings.Contains(strings.Join(strings.Fields(string(out)), " "), line) {
						t.Errorf("fdisk does not show %q:\n%s", line, out)
					}
				}
			}

			// The whole step, without the writing.
			f := sys.NewFake(t)
			expect(f, o, asDump(o))
			if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
				t.Error(err)
			}
		})
	}
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
	for i, p := range o.Partitions {
		if h.given[i] != (block.Extent{Number: p.Number, Start: p.Start, Size: p.Size}) {
			t.Errorf("%+v was to be claimed, %+v was written", h.given[i], p)
		}
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
		"other type":       other(func(o *Options) { o.Partitions[2].Type = TypeLinux }),
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
