package console

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"auto-installer/internal/console/keymap"
	"auto-installer/internal/sys"
)

func put(t *testing.T, root, name, data string) {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

func TestKeymaps(t *testing.T) {
	root := t.TempDir()
	for _, f := range []string{
		"store/i386/qwerty/us.map.gz", "store/i386/qwertz/de-latin1-nodeadkeys.map.gz",
		"store/i386/colemak/en-latin9.map.zst", "store/defkeymap_V1.0.map", "store/x.kmap.xz",
		"store/i386/include/linux-keys-bare.map.gz", "store/i386/include/compose.latin1.inc",
		"store/amiga/amiga-us.map.gz", "store/README", "store/.hidden.map", "store/-u.map", "store/a b.map",
		"other/us.map", "other/jp106.map.bz2",
	} {
		put(t, root, f, "")
	}
	if err := os.Mkdir(filepath.Join(root, "store/folder.map"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A NixOS profile: the folder is a link, and so is what lies in it.
	link(t, filepath.Join(root, "store"), filepath.Join(root, "profile"))
	link(t, filepath.Join(root, "store"), filepath.Join(root, "store/i386/circle"))
	link(t, filepath.Join(root, "gone.map"), filepath.Join(root, "store/broken.map"))
	link(t, filepath.Join(root, "other/jp106.map.bz2"), filepath.Join(root, "store/linked.map.bz2"))

	got := Keymaps(filepath.Join(root, "profile"), filepath.Join(root, "other"), filepath.Join(root, "absent"))
	want := []string{"de-latin1-nodeadkeys", "defkeymap_V1.0", "en-latin9", "jp106", "linked", "us", "x"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, n := range got {
		if !keymap.Name.MatchString(n) {
			t.Errorf("%q is listed and cannot be loaded", n)
		}
	}
	if got := Keymaps(t.TempDir()); len(got) > 0 {
		t.Errorf("%q in an empty folder", got)
	}
}

func TestLoad(t *testing.T) {
	f := sys.NewFake(t)
	f.Expect("loadkeys", "de-latin1")
	if err := Load(t.Context(), f, "de-latin1"); err != nil {
		t.Error(err)
	}
	f.Expect("loadkeys", "xx").Fails(1, "cannot open file xx")
	fault, ok := errors.AsType[*sys.Fault](Load(t.Context(), f, "xx"))
	if !ok || fault.Hint == "" || !strings.Contains(fault.Cause, "cannot open file xx") {
		t.Errorf("%+v", fault)
	}
}

func TestLoadTakesNamesOnly(t *testing.T) {
	f := sys.NewFake(t) // which expects no command
	for _, bad := range []string{
		"", "-u", "--default", "/etc/passwd", "../x", "a/b", "..", ".", ".x", "a b", "a\n", "a\x00", "é", "a;b", "$x", strings.Repeat("a", 65),
	} {
		if _, ok := errors.AsType[*sys.Fault](Load(t.Context(), f, bad)); !ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// pty opens a pseudo-terminal as a terminal window or sshd does (pty(7)).
func pty(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return slave
}

func TestNothingAppliesOffTheConsole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	put(t, "/", file, "")
	for _, tty := range []string{pty(t).Name(), "/dev/null", file, "/dev/absent", t.TempDir()} {
		if Applies(tty) {
			t.Errorf("%s is taken for a console", tty)
		}
	}
}

func TestCapsLockIsUnknownElsewhere(t *testing.T) {
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if CapsLock(pty(t)) || CapsLock(null) {
		t.Error("not a console has a keyboard")
	}
	null.Close()
	if CapsLock(null) {
		t.Error("a closed file has a keyboard")
	}
}
