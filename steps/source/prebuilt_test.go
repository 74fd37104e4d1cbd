package source

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// inStore creates store paths below a temporary root.
func inStore(t *testing.T, paths ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, p := range paths {
		if err := os.MkdirAll(filepath.Join(root, p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestClosureThatIsNotWhole(t *testing.T) {
	const part = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-part"
	out := `{"` + path + `":{"narSize":1048576},"` + part + `":{"narSize":2097152}}`
	for _, c := range []struct {
		name string
		o    Options
		code sys.Code
		bad  string
	}{
		{name: "whole", o: Options{Live: inStore(t, path, part), Room: 4 << 20}},
		{name: "a part is missing", o: Options{Live: inStore(t, path)}, code: sys.CodeSource, bad: "is incomplete"},
		{name: "all of it is missing", o: Options{Live: inStore(t)}, code: sys.CodeSource, bad: "is incomplete"},
		{name: "too large", o: Options{Live: inStore(t, path, part), Room: 3 << 20}, code: sys.CodeMachine, bad: "the system needs 3 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.System = path
			f := sys.NewFake(t)
			f.Expect(enginetest.Shown(c.o.prebuilt())[0].Argv...).Prints(out)
			err := enginetest.Check(t.Context(), f, Ops(c.o)...)
			fault, refused := errors.AsType[*sys.Fault](err)
			if refused != (c.bad != "") || refused && (fault.Code != c.code || fault.Hint == "" || !strings.Contains(fault.Cause, c.bad)) {
				t.Errorf("%+v", err)
			}
		})
	}
}
