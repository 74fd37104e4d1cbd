package finish

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

func options(t *testing.T) Options {
	t.Helper()
	dir := t.TempDir()
	o := Options{Root: filepath.Join(dir, "mnt"), RootDevice: "/dev/root", ESP: filepath.Join(dir, "mnt/boot"), ESPDevice: "/dev/esp", Logs: []string{filepath.Join(dir, "install.log"), filepath.Join(dir, "events.jsonl")}}
	if err := errors.Join(os.Mkdir(o.Root, 0o755), os.WriteFile(o.Logs[0], []byte("the log\n"), 0o644), os.WriteFile(o.Logs[1], []byte("{}\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return o
}

// expectSettled expects the commands that write both file systems out.
func expectSettled(f *sys.Fake, o Options) {
	for _, argv := range enginetest.Commands(enginetest.Shown(Ops(o)...)) {
		f.Expect(argv...)
	}
}

func TestCommands(t *testing.T) {
	o := options(t)
	f := sys.NewFake(t)
	f.Expect("mount", "x")
	if err := f.Do(t.Context(), sys.Cmd{Argv: []string{"mount", "x"}}, sys.Cmd{Argv: []string{"umount", "x"}}); err != nil {
		t.Fatal(err)
	}
	expectSettled(f, o)
	f.Expect("umount", "x")
	for range 2 { // the second time over the logs of the first, with nothing to unmount
		if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"install.log": "the log\n", "events.jsonl": "{}\n"} {
			file := filepath.Join(o.Root, Dir, name)
			if got, err := os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			if fi, err := os.Stat(file); err != nil || fi.Mode() != 0o600 {
				t.Errorf("%s: %v, %v", name, fi, err)
			}
		}
		if fi, err := os.Stat(filepath.Join(o.Root, Dir)); err != nil || fi.Mode() != 0o700|os.ModeDir {
			t.Errorf("%v, %v", fi, err)
		}
		if err := os.WriteFile(filepath.Join(o.Root, Dir, "install.log"), []byte("a longer one from before\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		expectSettled(f, o)
	}
	if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
		t.Fatal(err)
	}
	actions := enginetest.Shown(Ops(o)...)
	if !strings.Contains(actions[0].Does, o.Root+"/"+Dir) {
		t.Errorf("%+v", actions[0])
	}
}

func TestFailures(t *testing.T) {
	isFault := func(err error, say string) {
		t.Helper()
		f, ok := errors.AsType[*sys.Fault](err)
		if !ok || f.Code != sys.CodeWritten || f.Hint == "" || !strings.Contains(f.Cause, say) {
			t.Errorf("%+v", err)
		}
	}
	o := options(t)
	all := append(enginetest.Commands(enginetest.Shown(Ops(o)...)), []string{"umount"})
	for failing := range all {
		synctest.Test(t, func(t *testing.T) {
			f := sys.NewFake(t)
			f.Expect("mount")
			for _, c := range all[:failing] {
				f.Expect(c...)
			}
			tries := 1
			if all[failing][0] == "mount" { // a file may be closed in a moment
				tries = 6
			}
			for range tries {
				f.Expect(all[failing]...).Fails(1, "i/o error")
			}
			if err := f.Do(t.Context(), sys.Cmd{Argv: []string{"mount"}}, sys.Cmd{Argv: []string{"umount"}}); err != nil {
				t.Fatal(err)
			}
			isFault(enginetest.Run(t.Context(), f, Ops(o)...), "i/o error")
		})
	}

	// A missing log does not keep the other from being saved.
	o.Logs = append([]string{filepath.Join(t.TempDir(), "gone.log")}, o.Logs...)
	isFault(enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...), "gone.log")
	if _, err := os.Stat(filepath.Join(o.Root, Dir, "events.jsonl")); err != nil {
		t.Error(err)
	}

	o.Root += "/gone"
	isFault(enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...), "saving the logs")
}

// The target may have any links, which are not followed.
func TestLinksOutAreRefused(t *testing.T) {
	for _, link := range []string{"var", "var/log", Dir, Dir + "/install.log"} {
		t.Run(link, func(t *testing.T) {
			o := options(t)
			outside := filepath.Join(t.TempDir(), "outside")
			if err := os.Mkdir(outside, 0o755); err != nil {
				t.Fatal(err)
			}
			to := outside
			if filepath.Ext(link) == ".log" {
				to = filepath.Join(outside, "precious")
			}
			if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(o.Root, link)), 0o755), os.Symlink(to, filepath.Join(o.Root, link))); err != nil {
				t.Fatal(err)
			}
			if err := KeepLogs(o); err == nil {
				t.Error("no error")
			}
			if names, _ := os.ReadDir(outside); len(names) != 0 {
				t.Errorf("written outside: %v", names)
			}
		})
	}
}

// The journal is removed only after everything is on the disk.
func TestJournalIsForgotten(t *testing.T) {
	o := options(t)
	esp := filepath.Join(o.Root, "boot")
	o.Journal = filepath.Join(esp, "auto-installer")
	file := filepath.Join(o.Journal, "journal.json")
	if err := errors.Join(os.MkdirAll(o.Journal, 0o700), os.WriteFile(file, []byte("{}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	f := sys.NewFake(t)
	f.Expect("sync", "--file-system", o.Root).Fails(1, "i/o error")
	if err := enginetest.Run(t.Context(), f, Ops(o)...); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("forgotten too early: %v", err)
	}
	for range 2 { // also without a journal
		f = sys.NewFake(t)
		expectSettled(f, o)
		if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(esp); len(left) > 0 {
			t.Errorf("left on the ESP: %v", left)
		}
	}
	if as := enginetest.Shown(Ops(o)...); len(as) != 9 || !strings.Contains(as[4].Does, o.Journal) {
		t.Errorf("%+v", as)
	}
}
