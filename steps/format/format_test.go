package format

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

var plain = Options{ESP: "/dev/x1", ESPLabel: "T-EFI", Root: "/dev/x2", RootLabel: "T-ROOT"}

var cases = []struct {
	name  string
	o     Options
	argvs [][]string
}{
	{"plain", plain, [][]string{
		{"sync", "/dev/x1", "/dev/x2"},
		{"mkfs.vfat", "-F", "32", "-n", "T-EFI", "/dev/x1"},
		{"mkfs.ext4", "-q", "-L", "T-ROOT", "/dev/x2"},
		{"udevadm", "settle"},
	}},
	{"swap", Options{"/dev/x1", "T-EFI", "/dev/mapper/c", "T-ROOT", "/dev/x3", "T-SWAP"}, [][]string{
		{"sync", "/dev/x1", "/dev/mapper/c"},
		{"mkfs.vfat", "-F", "32", "-n", "T-EFI", "/dev/x1"},
		{"mkfs.ext4", "-q", "-L", "T-ROOT", "/dev/mapper/c"},
		{"mkswap", "-L", "T-SWAP", "/dev/x3"},
		{"udevadm", "settle"},
	}},
	{"a swap label without a swap makes none", func() Options { o := plain; o.SwapLabel = "T-SWAP"; return o }(), [][]string{
		{"sync", "/dev/x1", "/dev/x2"},
		{"mkfs.vfat", "-F", "32", "-n", "T-EFI", "/dev/x1"},
		{"mkfs.ext4", "-q", "-L", "T-ROOT", "/dev/x2"},
		{"udevadm", "settle"},
	}},
}

func TestCommands(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := sys.NewFake(t)
			for _, argv := range c.argvs {
				f.Expect(argv...)
			}
			if err := enginetest.Run(t.Context(), f, Ops(c.o)...); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// An earlier failed write does not count.
func TestStaleFailure(t *testing.T) {
	c := cases[0]
	f := sys.NewFake(t)
	f.Expect(c.argvs[0]...).Fails(1, "i/o error")
	for _, argv := range c.argvs[1:] {
		f.Expect(argv...)
	}
	if err := enginetest.Run(t.Context(), f, Ops(c.o)...); err != nil {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	c := cases[1]
	for failing := 1; failing < len(c.argvs); failing++ { // an earlier failed write is ignored
		t.Run(fmt.Sprint("command ", failing), func(t *testing.T) {
			f := sys.NewFake(t)
			for i, argv := range c.argvs[:failing+1] {
				if call := f.Expect(argv...); i == failing {
					call.Fails(1, "no space")
				}
			}
			fault, ok := errors.AsType[*sys.Fault](enginetest.Run(t.Context(), f, Ops(c.o)...))
			if !ok || fault.Code != sys.CodeWritten || fault.Hint == "" || !strings.Contains(fault.Cause, "no space") {
				t.Errorf("%+v", fault)
			}
		})
	}
}

// The file systems of an unfinished install are checked and kept.
func TestAgain(t *testing.T) {
	o := cases[1].o
	stale, check := []string{"sync", o.ESP, o.Root}, []string{"fsck.fat", "-a", o.ESP}
	sound, root := []string{"fsck.fat", "-n", o.ESP}, []string{"e2fsck", "-p", o.Root}
	for _, c := range []struct {
		name  string
		exits [4]int
		hurts bool
	}{
		{"sound", [4]int{}, false},
		{"mended", [4]int{0, 1, 0, 1}, false},
		{"a write failed before", [4]int{1, 0, 0, 0}, false},
		{"the ESP is not mended", [4]int{0, 1, 1, 0}, true},
		{"the root is not mended", [4]int{0, 0, 0, 4}, true},
		{"the ESP cannot be read", [4]int{0, 2, 0, 0}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := sys.NewFake(t)
			for i, argv := range [][]string{stale, check, sound, root} {
				call := f.Expect(argv...)
				if c.exits[i] == 0 {
					continue
				}
				if call.Fails(c.exits[i], "broken"); c.hurts && (i > 1 || c.exits[i] > 1) {
					break
				}
			}
			err := enginetest.Resume(t.Context(), f, Ops(o)...)
			fault, _ := errors.AsType[*sys.Fault](err)
			if (err != nil) != c.hurts || c.hurts && (fault == nil || fault.Code != sys.CodeWritten || !strings.Contains(fault.Hint, "--start-over")) {
				t.Errorf("%+v", err)
			}
			if got := sys.Actions(f.Ran...); !c.hurts && !reflect.DeepEqual(got, enginetest.ShownOnResume(Ops(o)...)) {
				t.Errorf("ran\n%+v, said\n%+v", got, enginetest.ShownOnResume(Ops(o)...))
			}
		})
	}
}

// The real tools repair what a power cut leaves: the ESP's dirty flag, clusters of no file,
// and a root that was not unmounted.
func TestAgainMends(t *testing.T) {
	dir := t.TempDir()
	o := Options{ESP: filepath.Join(dir, "esp.img"), Root: filepath.Join(dir, "root.img")}
	for name, argv := range map[string][]string{o.ESP: {"mkfs.vfat", "-F32", o.ESP}, o.Root: {"mkfs.ext4", "-q", o.Root}} {
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, 40<<20)); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s is needed: ./bootstrap installs it: %v\n%s", argv[0], err, out)
		}
	}
	write := func(name string, at int64, data ...byte) {
		t.Helper()
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(data, at); errors.Join(err, f.Close()) != nil {
			t.Fatal(err)
		}
	}
	const reserved = 32 // sectors before the first FAT, of a new file system
	write(o.ESP, 0x41, 1)
	write(o.ESP, reserved*512+100*4, 101, 0, 0, 0, 0xff, 0xff, 0xff, 0x0f)
	if out, err := exec.Command("debugfs", "-w", "-R", "set_super_value state 0", o.Root).CombinedOutput(); err != nil {
		t.Fatalf("debugfs is needed: ./bootstrap installs it: %v\n%s", err, out)
	}
	m := &sys.Machine{Reporter: sys.Silent{}, Undos: &sys.UndoStack{}}
	sound := func(argv ...string) bool { return exec.Command(argv[0], argv[1:]...).Run() == nil }
	if sound("fsck.fat", "-n", o.ESP) {
		t.Fatal("the ESP is not damaged")
	}
	for range 2 { // the second time there is nothing to repair
		if err := enginetest.Resume(t.Context(), m, Ops(o)...); err != nil {
			t.Fatal(err)
		}
	}
	if !sound("fsck.fat", "-n", o.ESP) || !sound("e2fsck", "-fn", o.Root) {
		t.Error("not mended")
	}
	write(o.Root, 1024, make([]byte, 1024)...)
	if err := enginetest.Resume(t.Context(), m, Ops(o)...); err == nil {
		t.Error("a root without a superblock is sound")
	}
}
