package nixstore

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"testing"
)

const toplevel = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-toplevel"

func TestParse(t *testing.T) {
	const other = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-other"
	for _, c := range []struct {
		name, out string
		sizes     []int64 // of the paths, the largest first; nil: refused
	}{
		{name: "nix 2.8", out: `[{"path":"` + toplevel + `","narSize":5,"valid":true},{"path":"` + other + `","narSize":1,"valid":true}]`, sizes: []int64{5, 1}},
		{name: "nix 2.18 without valid", out: `[{"path":"` + toplevel + `","narSize":7}]`, sizes: []int64{7}},
		{name: "nix 2.18, not there", out: `[{"path":"` + toplevel + `","valid":false}]`},
		{name: "nix 2.18, a part not there", out: `[{"path":"` + toplevel + `","valid":true},{"path":"` + other + `","valid":false}]`},
		{name: "nix 2.19", out: `{"` + toplevel + `":{"narSize":5},"` + other + `":{"narSize":1}}`, sizes: []int64{5, 1}},
		{name: "nix 2.19, not there", out: `{"` + toplevel + `":null}`},
		{name: "nix 2.19, a part not there", out: `{"` + toplevel + `":{"narSize":5},"` + other + `":null}`},
		{name: "newest, without the folder", out: `{"` + path.Base(toplevel) + `":{"narSize":9}}`, sizes: []int64{9}},
		{name: "another path", out: `{"/nix/store/x-other":{"narSize":9}}`},
		{name: "a key that is only the end", out: `{"":{"narSize":9},"toplevel":{"narSize":9}}`},
		{name: "empty list", out: `[]`},
		{name: "empty map", out: `{}`},
		{name: "null", out: `null`},
		{name: "nothing", out: ``},
		{name: "text", out: `error: no`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse([]byte(c.out), toplevel)
			slices.SortFunc(got, func(a, b Path) int { return cmp.Compare(b.Size, a.Size) })
			var sizes []int64
			for _, p := range got {
				sizes = append(sizes, p.Size)
				if path.Dir(p.Name) != "/nix/store" {
					t.Errorf("%+v", p)
				}
			}
			if (err != nil) != (c.sizes == nil) || !slices.Equal(sizes, c.sizes) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// Two answers of one nix have the same text for the same hash, in any of its
// forms.
func TestHashes(t *testing.T) {
	for _, c := range []struct{ out, want string }{
		{`[{"path":"` + toplevel + `","narHash":"sha256:0abc"}]`, "sha256:0abc"},
		{`{"` + toplevel + `":{"narHash":"sha256-abc="}}`, "sha256-abc="},
		{`{"` + path.Base(toplevel) + `":{"narHash":{ "algorithm": "sha256",  "hash": "abc" }}}`, `{"algorithm":"sha256","hash":"abc"}`},
		{`{"` + toplevel + `":{"narHash":null}}`, ""},
		{`{"` + toplevel + `":{}}`, ""},
	} {
		paths, err := Parse([]byte(c.out), toplevel)
		if got := Hashes(paths); err != nil || !maps.Equal(got, map[string]string{toplevel: c.want}) {
			t.Errorf("%s: %q, %v", c.out, got, err)
		}
	}
}

// The database that is asked may be of a disk's earlier owner.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`[{"path":"` + toplevel + `","narHash":"sha256:0abc","valid":true,"narSize":1}]`))
	f.Add([]byte(`{"` + path.Base(toplevel) + `":{"narHash":{"algorithm":"sha256"}},"x":null}`))
	f.Fuzz(func(t *testing.T, out []byte) {
		paths, err := Parse(out, toplevel)
		if _, found := Hashes(paths)[toplevel]; found != (err == nil) {
			t.Errorf("%v, %v", paths, err)
		}
	})
}
