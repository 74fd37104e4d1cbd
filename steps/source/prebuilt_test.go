package source

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/steps/internal/sys"
)

func TestClosure(t *testing.T) {
	const other = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-other"
	for _, c := range []struct {
		name, out string
		sizes     []int64 // of the paths, the largest first; nil: refused
	}{
		{name: "nix 2.8", out: `[{"path":"` + path + `","narSize":5,"valid":true},{"path":"` + other + `","narSize":1,"valid":true}]`, sizes: []int64{5, 1}},
		{name: "nix 2.18 without valid", out: `[{"path":"` + path + `","narSize":7}]`, sizes: []int64{7}},
		{name: "nix 2.18, not there", out: `[{"path":"` + path + `","valid":false}]`},
		{name: "nix 2.18, a part not there", out: `[{"path":"` + path + `","valid":true},{"path":"` + other + `","valid":false}]`},
		{name: "nix 2.19", out: `{"` + path + `":{"narSize":5},"` + other + `":{"narSize":1}}`, sizes: []int64{5, 1}},
		{name: "nix 2.19, not there", out: `{"` + path + `":null}`},
		{name: "nix 2.19, a part not there", out: `{"` + path + `":{"narSize":5},"` + other + `":null}`},
		{name: "newest, without the folder", out: `{"` + filepath.Base(path) + `":{"narSize":9}}`, sizes: []int64{9}},
		{name: "another path", out: `{"/nix/store/x-other":{"narSize":9}}`},
		{name: "a key that is only the end", out: `{"":{"narSize":9},"toplevel":{"narSize":9}}`},
		{name: "empty list", out: `[]`},
		{name: "empty map", out: `{}`},
		{name: "null", out: `null`},
		{name: "nothing", out: ``},
		{name: "text", out: `error: no`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := closure([]byte(c.out), path)
			slices.SortFunc(got, func(a, b storePath) int { return cmp.Compare(b.NarSize, a.NarSize) })
			var sizes []int64
			for _, p := range got {
				sizes = append(sizes, p.NarSize)
				if filepath.Dir(p.Path) != "/nix/store" {
					t.Errorf("%+v", p)
				}
			}
			if (err != nil) != (c.sizes == nil) || !slices.Equal(sizes, c.sizes) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// inStore makes store paths below a root of its own.
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
		{name: "a part is missing", o: Options{Live: inStore(t, path)}, code: sys.CodeSource, bad: "is not whole"},
		{name: "all of it is missing", o: Options{Live: inStore(t)}, code: sys.CodeSource, bad: "is not whole"},
		{name: "too large", o: Options{Live: inStore(t, path, part), Room: 3 << 20}, code: sys.CodeMachine, bad: "the system needs 3 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.System = path
			f := sys.NewFake(t)
			f.Expect(pathInfo(c.o).Argv...).Prints(out)
			err := Run(t.Context(), f, c.o)
			fault, refused := errors.AsType[*sys.Fault](err)
			if refused != (c.bad != "") || refused && (fault.Code != c.code || fault.Hint == "" || !strings.Contains(fault.Cause, c.bad)) {
				t.Errorf("%+v", err)
			}
		})
	}
}
