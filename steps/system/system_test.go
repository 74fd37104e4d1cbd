package system

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

const path = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-toplevel"

func argv(toplevel string) []string {
	return []string{
		"nixos-install", "--system", toplevel, "--root", "/mnt", "--no-root-passwd", "--no-channel-copy", "--cores", "0",
		"--option", "substituters", "auto?trusted=1",
	}
}

func TestCommands(t *testing.T) {
	o := Options{Toplevel: path, Root: "/mnt"}
	f := sys.NewFake(t)
	f.Expect(argv(path)...)
	if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
		t.Fatal(err)
	}
}

// The link of an earlier install does not show in the plan.
func TestLinkIsFollowedWhenItIsThere(t *testing.T) {
	o := Options{Toplevel: filepath.Join(t.TempDir(), "toplevel"), Root: "/mnt"}
	for _, there := range []bool{false, true} {
		if there {
			if err := os.Symlink(path, o.Toplevel); err != nil {
				t.Fatal(err)
			}
		}
		if got := enginetest.Shown(Ops(o)...); !reflect.DeepEqual(got[0].Argv, argv("<toplevel>")) {
			t.Errorf("link there: %v, said %q", there, got[0].Argv)
		}
	}
	f := sys.NewFake(t)
	f.Expect(argv(path)...)
	if err := enginetest.Run(t.Context(), f, Ops(o)...); err != nil {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	f := sys.NewFake(t)
	f.Expect(argv(path)...).Fails(1, "error: bootctl: no space left on device")
	fault, ok := errors.AsType[*sys.Fault](enginetest.Run(t.Context(), f, Ops(Options{Toplevel: path, Root: "/mnt"})...))
	if !ok || fault.Code != sys.CodeWritten || fault.Hint == "" || !strings.Contains(fault.Cause, "no space") {
		t.Errorf("%+v", fault)
	}
	fault, ok = errors.AsType[*sys.Fault](enginetest.Run(t.Context(), sys.NewFake(t), Ops(Options{Toplevel: t.TempDir() + "/gone", Root: "/mnt"})...))
	if !ok || fault.Code != sys.CodeWritten || fault.Hint == "" {
		t.Errorf("%+v", fault)
	}
}
