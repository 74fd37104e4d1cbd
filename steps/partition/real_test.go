package partition

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/disk/gpt"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

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

			seen, _, err := gpt.ReadFile(o.Disk)
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
