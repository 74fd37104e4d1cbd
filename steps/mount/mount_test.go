package mount

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

var full = Options{
	Root: "/dev/mapper/c", ESP: "/dev/x1", Swap: "/dev/x3", At: "/mnt",
	Dirs: []string{"/mnt/persist", "/mnt/models"}, Commands: []string{"chmod 755 /mnt/persist", "echo 'a b' | cat"},
}

var fullArgvs = [][]string{
	{"mkdir", "-p", "/mnt"},
	{"mount", "-t", "ext4", "/dev/mapper/c", "/mnt"},
	{"mkdir", "-p", "/mnt/boot"},
	{"mount", "-t", "vfat", "-o", "umask=0077", "/dev/x1", "/mnt/boot"},
	{"mkdir", "-p", "--", "/mnt/persist", "/mnt/models"},
	{"swapon", "/dev/x3"},
	{"sh", "-c", "chmod 755 /mnt/persist"},
	{"sh", "-c", "echo 'a b' | cat"},
}

// undone returns the commands that undo the first n of fullArgvs.
func undone(n int) [][]string {
	var argvs [][]string
	if n > 5 {
		argvs = append(argvs, []string{"swapoff", "/dev/x3"})
	}
	if n > 1 {
		argvs = append(argvs, []string{"umount", "--recursive", "/mnt"})
	}
	return argvs
}

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     Options
		argvs [][]string
		undos [][]string
	}{
		{"all", full, fullArgvs, undone(len(fullArgvs))},
		{"least", Options{Root: "/dev/x2", ESP: "/dev/x1", At: "/target"}, [][]string{
			{"mkdir", "-p", "/target"},
			{"mount", "-t", "ext4", "/dev/x2", "/target"},
			{"mkdir", "-p", "/target/boot"},
			{"mount", "-t", "vfat", "-o", "umask=0077", "/dev/x1", "/target/boot"},
		}, [][]string{{"umount", "--recursive", "/target"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := sys.NewFake(t)
			for _, argv := range append(c.argvs[:len(c.argvs):len(c.argvs)], c.undos...) {
				f.Expect(argv...)
			}
			if err := enginetest.Run(t.Context(), f, Ops(c.o)...); err != nil {
				t.Fatal(err)
			}
			if err := f.Unwind(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// After a failed command, the ones before it are undone.
func TestFailures(t *testing.T) {
	for failing := range fullArgvs {
		t.Run(fmt.Sprint("command ", failing), func(t *testing.T) {
			f := sys.NewFake(t)
			for i, argv := range fullArgvs[:failing+1] {
				if c := f.Expect(argv...); i == failing {
					c.Fails(32, "wrong fs type")
				}
			}
			for _, argv := range undone(failing) {
				f.Expect(argv...)
			}
			err := enginetest.Run(t.Context(), f, Ops(full)...)
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || fault.Code != sys.CodeWritten || fault.Hint == "" || !strings.Contains(fault.Cause, "wrong fs type") {
				t.Errorf("%+v", err)
			}
			if shell := fullArgvs[failing]; shell[0] == "sh" && !strings.Contains(fault.Hint, shell[2]) {
				t.Errorf("the hint does not name the host's command: %s", fault.Hint)
			}
			if err := f.Unwind(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A system that was started since it was installed is not changed.
func TestAgain(t *testing.T) {
	for _, started := range []bool{false, true} {
		o := full
		o.At, o.Journal = t.TempDir(), "journals"
		f := sys.NewFake(t)
		look := f.Expect("debugfs", "-R", "stat "+seed, o.Root)
		if started {
			look.Prints("Inode: 12   Type: regular\n")
		} else {
			for _, argv := range enginetest.Commands(enginetest.ShownOnResume(Ops(o)...))[1:] {
				f.Expect(argv...)
			}
			esp := filepath.Join(o.At, "boot")
			if err := os.Mkdir(esp, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"FSCK0000.REC", "EFI/nixos/half", "loader/loader.conf", "journals/journal.json"} {
				file := filepath.Join(esp, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
		}
		err := enginetest.Resume(t.Context(), f, Ops(o)...)
		fault, _ := errors.AsType[*sys.Fault](err)
		if (err != nil) != started || started && (fault == nil || fault.Code != sys.CodeUsage || fault.Hint == "") {
			t.Errorf("started %v: %+v", started, err)
		}
		if left, _ := filepath.Glob(filepath.Join(o.At, "boot", "*", "*")); !started && (len(left) != 1 || filepath.Base(left[0]) != "journal.json") {
			t.Errorf("on the ESP are %q", left)
		}
	}
}

// Before --resume erases a root that nothing proves to be the installer's, it reads from the
// disk, without a mount, whether the system is in use.
func TestUnstarted(t *testing.T) {
	undos, err := sys.OpenUndoStack(filepath.Join(t.TempDir(), "undo.json"))
	if err != nil {
		t.Fatal(err)
	}
	m := &sys.Machine{Reporter: sys.Silent{}, Undos: undos}
	for _, c := range []struct {
		name string
		put  string // file on the root; empty: no file system
		used bool
	}{
		{"never started", "etc/NIXOS", false}, {"started", seed, true}, {"no file system", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			o := Options{Root: filepath.Join(dir, "root.img")}
			if err := errors.Join(os.WriteFile(o.Root, nil, 0o600), os.Truncate(o.Root, 16<<20)); err != nil {
				t.Fatal(err)
			}
			if c.put != "" {
				file := filepath.Join(dir, "files", c.put)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
					t.Fatal(err)
				}
				if err := m.Run(t.Context(), sys.Cmd{Argv: []string{"mkfs.ext4", "-q", "-d", filepath.Join(dir, "files"), o.Root}}); err != nil {
					t.Fatal(err)
				}
			}
			before, _ := os.ReadFile(o.Root)
			err := enginetest.Check(t.Context(), m, UnstartedOps(o.Root)...)
			if fault, ok := errors.AsType[*sys.Fault](err); ok != c.used || ok && (fault.Code != sys.CodeUsage || !strings.Contains(fault.Hint, "--start-over")) {
				t.Errorf("%+v", err)
			}
			if after, _ := os.ReadFile(o.Root); !bytes.Equal(before, after) {
				t.Error("the disk was written to")
			}
		})
	}
	f := sys.NewFake(t)
	f.Expect(enginetest.Shown(UnstartedOps(full.Root)...)[0].Argv...).Fails(139, "Segmentation fault")
	if fault, ok := errors.AsType[*sys.Fault](enginetest.Check(t.Context(), f, UnstartedOps(full.Root)...)); !ok || fault.Code != sys.CodeUsage || fault.Hint == "" {
		t.Errorf("%+v", fault)
	}
}
