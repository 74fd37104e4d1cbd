package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"auto-installer/steps/internal/sys"
)

func pathInfo(o Options) sys.Cmd {
	return sys.Cmd{
		Does: "find the prebuilt closure, all of it",
		Argv: []string{
			"nix", "--extra-experimental-features", "nix-command", "path-info", "--json", "--recursive", o.System,
		},
	}
}

// prebuilt sees that every path of the closure is in the store, not only in
// its database, and that the root will have room for them.
func prebuilt(ctx context.Context, s sys.System, o Options) error {
	out, err := s.Output(ctx, pathInfo(o))
	var paths []storePath
	if err == nil {
		paths, err = closure(out, o.System)
	}
	if err != nil {
		return sys.WithHint(err, sys.CodeSource, "build the installer medium with prebuilt = true, or name a toplevel of this store with --system",
			"finding the prebuilt system "+o.System)
	}
	var size int64
	for _, p := range paths {
		size += p.NarSize
	}
	if need := size + size/10; o.Room > 0 && need > o.Room {
		return sys.Faultf(sys.CodeMachine, "use a larger disk", "the system needs %d MiB with some margin, the root will have %d MiB", need>>20, o.Room>>20)
	}
	for _, p := range paths {
		if _, err := os.Lstat(filepath.Join(o.Live, p.Path)); err != nil {
			return sys.Faultf(sys.CodeSource, "the medium may be damaged: build or write it anew",
				"the prebuilt system is not whole: %w", err)
		}
	}
	s.Log(fmt.Sprintf("prebuilt system %s, closure of %d MiB", o.System, size>>20))
	return nil
}

// storePath is what nix tells of a path.
type storePath struct {
	Path    string
	NarSize int64 // bytes
	Valid   *bool
}

// closure reads nix path-info --json --recursive: a list before nix 2.19, a map
// from store path since. The path itself must be among them, and all be valid.
func closure(out []byte, path string) ([]storePath, error) {
	invalid := errors.New("the path is not valid in this store")
	var list []storePath
	if json.Unmarshal(out, &list) != nil {
		list = nil
		var byPath map[string]*storePath
		if err := json.Unmarshal(out, &byPath); err != nil {
			return nil, fmt.Errorf("nix path-info's answer is not understood: %w", err)
		}
		for name, p := range byPath {
			if p == nil {
				return nil, invalid
			}
			if p.Path = name; !filepath.IsAbs(name) { // newest: no folder
				p.Path = filepath.Join(filepath.Dir(path), name)
			}
			list = append(list, *p)
		}
	}
	found := false
	for _, p := range list {
		if p.Valid != nil && !*p.Valid {
			return nil, invalid
		}
		found = found || p.Path == path
	}
	if !found {
		return nil, invalid
	}
	return list, nil
}
