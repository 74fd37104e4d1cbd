package partition

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
)

func want(size, sector, swap int64) Want {
	w := Want{DiskSize: size, SectorSize: sector, ESP: "T-EFI", Root: "T-ROOT", GUIDs: guids}
	if swap > 0 {
		w.Swap, w.SwapSize = "T-SWAP", swap
	}
	return w
}

func part(number int, start, size int64, kind, guid, name string) gpt.Partition {
	return gpt.Partition{Number: number, Start: start, Size: size, Type: kind, GUID: guid, Name: name}
}

func TestLayout(t *testing.T) {
	for _, c := range []struct {
		name string
		w    Want
		want []gpt.Partition
	}{
		{"plain, 512", want(8*gib, 512, 0), []gpt.Partition{
			part(1, mib, gib, gpt.TypeESP, guids[1], "T-EFI"),
			part(2, mib+gib, 7*gib-2*mib, gpt.TypeLinux, guids[2], "T-ROOT"),
		}},
		{"plain, 4096", want(8*gib, 4096, 0), []gpt.Partition{
			part(1, mib, gib, gpt.TypeESP, guids[1], "T-EFI"),
			part(2, mib+gib, 7*gib-2*mib, gpt.TypeLinux, guids[2], "T-ROOT"),
		}},
		{"swap at the end", want(8*gib, 512, 2*gib), []gpt.Partition{
			part(1, mib, gib, gpt.TypeESP, guids[1], "T-EFI"),
			part(2, mib+gib, 5*gib-2*mib, gpt.TypeLinux, guids[2], "T-ROOT"),
			part(3, 6*gib-mib, 2*gib, gpt.TypeSwap, guids[3], "T-SWAP"),
		}},
		{"swap of an odd size is rounded up", want(8*gib, 4096, 2*gib-1000), []gpt.Partition{
			part(1, mib, gib, gpt.TypeESP, guids[1], "T-EFI"),
			part(2, mib+gib, 5*gib-2*mib, gpt.TypeLinux, guids[2], "T-ROOT"),
			part(3, 6*gib-mib, 2*gib, gpt.TypeSwap, guids[3], "T-SWAP"),
		}},
		{"disk of an odd size", want(8*gib+3*512, 512, 0), []gpt.Partition{
			part(1, mib, gib, gpt.TypeESP, guids[1], "T-EFI"),
			part(2, mib+gib, 7*gib-2*mib, gpt.TypeLinux, guids[2], "T-ROOT"),
		}},
		{"room for the backup table at the very end of a MiB", want(8*gib+33*512, 512, 0), []gpt.Partition{
			part(1, mib, gib, gpt.TypeESP, guids[1], "T-EFI"),
			part(2, mib+gib, 7*gib-mib, gpt.TypeLinux, guids[2], "T-ROOT"),
		}},
		{"the smallest", want(MinDisk(0), 512, 0), []gpt.Partition{
			part(1, mib, gib, gpt.TypeESP, guids[1], "T-EFI"),
			part(2, mib+gib, MinRoot, gpt.TypeLinux, guids[2], "T-ROOT"),
		}},
		{"the smallest with swap", want(MinDisk(mib), 4096, mib), []gpt.Partition{
			part(1, mib, gib, gpt.TypeESP, guids[1], "T-EFI"),
			part(2, mib+gib, MinRoot, gpt.TypeLinux, guids[2], "T-ROOT"),
			part(3, mib+gib+MinRoot, mib, gpt.TypeSwap, guids[3], "T-SWAP"),
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
