package closure

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

const path = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-toplevel"

func flake(t *testing.T) (Options, []string) {
	dir := t.TempDir()
	o := Options{
		Installable: "git+file:///run/r#x", Root: filepath.Join(dir, "mnt"), OutLink: filepath.Join(dir, "toplevel"),
		Live: filepath.Join(dir, "live"), Env: []string{"GIT_SSH_COMMAND=ssh -i k"},
	}
	if err := errors.Join(os.Mkdir(o.Root, 0o755), os.Symlink(path, o.OutLink)); err != nil { // as nix does
		t.Fatal(err)
	}
	return o, []string{
		"nix", "--extra-experimental-features", "nix-command flakes", "build", "git+file:///run/r#x", "--store", o.Root,
		"--option", "always-allow-substitutes", "true", "--option", "substitute", "true", "--no-update-lock-file", "--extra-substituters", "auto?trusted=1",
		"--log-format", "internal-json", "-v", "--out-link", o.OutLink,
	}
}

func TestCommands(t *testing.T) {
	t.Run("flake", func(t *testing.T) {
		o, argv := flake(t)
		run(t, o, argv)
	})
	t.Run("prebuilt asks no network", func(t *testing.T) {
		o, _ := flake(t)
		o.Installable, o.Prebuilt, o.Env = path, true, nil
		run(t, o, []string{
			"nix", "--extra-experimental-features", "nix-command flakes", "build", path, "--store", o.Root,
			"--option", "always-allow-substitutes", "true", "--option", "substitute", "true", "--option", "substituters", "auto?trusted=1",
			"--log-format", "internal-json", "-v", "--out-link", o.OutLink,
		})
	})
}

// After a power cut, the paths that nix lists as valid are verified first.
func TestMend(t *testing.T) {
	for _, prebuilt := range []bool{false, true} {
		o, _ := flake(t)
		o.Repair, o.Prebuilt = true, prebuilt
		repairs := []string{
			"nix-store", "--store", o.Root, "--verify", "--check-contents", "--repair", "--option", "substitute", "true",
			"--option", "extra-substituters", "auto?trusted=1",
		}
		if prebuilt {
			repairs[len(repairs)-2] = "substituters" // only this one, because there is no network
		}
		f := sys.NewFake(t)
		f.Expect(repairs...)
		f.Expect(build(o).Argv...)
		if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
			t.Fatal(err)
		}
		// A store that cannot be repaired is copied again.
		db := filepath.Join(o.Root, "nix/var/nix/db")
		if err := os.MkdirAll(db, 0o755); err != nil {
			t.Fatal(err)
		}
		f = sys.NewFake(t)
		f.Expect(repairs...).Fails(1, "no such table: ValidPaths")
		f.Expect(build(o).Argv...)
		if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(db); !os.IsNotExist(err) {
			t.Errorf("the database is still there: %v", err)
		}
	}
}

func run(t *testing.T, o Options, argv []string) {
	t.Helper()
	f := sys.NewFake(t)
	f.Expect(argv...).Says(
		`@nix {"action":"start","id":3,"type":103}`, `@nix {"action":"result","id":3,"type":105,"fields":[1,4]}`)
	if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
		t.Fatal(err)
	}
	if want := append([]string{"TMPDIR=" + o.Root + "/.auto-installer-build"}, o.Env...); !slices.Equal(f.Ran[0].Env, want) {
		t.Errorf("environment %q, want %q", f.Ran[0].Env, want)
	}
	if !slices.Equal(f.Reports, []sys.Progress{{Done: 1, Total: 4, Unit: "paths"}}) {
		t.Errorf("progress %+v", f.Reports)
	}
	if _, err := os.Stat(filepath.Join(o.Live, "nix/store")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(o.tmp()); err == nil {
		t.Error("the folder for builds stays on the target")
	}
	if last := f.Logged[len(f.Logged)-1]; last != "toplevel is "+path {
		t.Errorf("logged %q", f.Logged)
	}
}

func TestFailures(t *testing.T) {
	isFault := func(err error) *sys.Fault {
		t.Helper()
		f, ok := errors.AsType[*sys.Fault](err)
		if !ok || f.Code != sys.CodeWritten || f.Hint == "" {
			t.Fatalf("%+v", err)
		}
		return f
	}
	t.Run("nix says why", func(t *testing.T) {
		o, argv := flake(t)
		f := sys.NewFake(t)
		f.Expect(argv...).Says(
			`@nix {"action":"msg","level":0,"msg":"\u001b[31;1merror:\u001b[0m builder for 'x.drv' failed","raw_msg":"builder for 'x.drv' failed with exit code 1;\nlast 2 lines:\n> no"}`,
			`@nix {"action":"stop","id":9}`,
		).Fails(1, `@nix {"action":"stop","id":9,"text":"error"}`)
		fault := isFault(enginetest.Run(t.Context(), f, Ops(o)...))
		if strings.Contains(fault.Cause, "@nix") || !strings.HasSuffix(fault.Cause, "> no") {
			t.Errorf("%s", fault.Cause)
		}
		if _, err := os.Stat(o.tmp()); err == nil {
			t.Error("the folder for builds stays on the target")
		}
	})
	t.Run("nix with colours only", func(t *testing.T) {
		o, argv := flake(t)
		f := sys.NewFake(t)
		f.Expect(argv...).Says(`@nix {"action":"msg","level":0,"msg":"\u001b[31;1merror:\u001b[0m flake has no x"}`).Fails(1, "")
		if fault := isFault(enginetest.Run(t.Context(), f, Ops(o)...)); !strings.HasSuffix(fault.Cause, ": error: flake has no x") {
			t.Errorf("%q", fault.Cause)
		}
	})
	t.Run("no link", func(t *testing.T) {
		o, argv := flake(t)
		if err := os.Remove(o.OutLink); err != nil {
			t.Fatal(err)
		}
		f := sys.NewFake(t)
		f.Expect(argv...)
		isFault(enginetest.Run(t.Context(), f, Ops(o)...))
	})
	t.Run("no room on the target", func(t *testing.T) {
		o, _ := flake(t)
		if err := errors.Join(os.Remove(o.Root), os.WriteFile(o.Root, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		isFault(enginetest.Run(t.Context(), sys.NewFake(t), Ops(o)...))
	})
}

// What has the name of the folder for builds, on a disk that was written to before, is
// removed and not followed.
func TestTempFollowsNoLink(t *testing.T) {
	o, _ := flake(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, o.tmp()); err != nil {
		t.Fatal(err)
	}
	if err := o.makeTemp(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(o.tmp()); err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}
