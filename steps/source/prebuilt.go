package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"auto-installer/internal/nix/nixstore"
	"auto-installer/internal/sys"
)

func pathInfo(o Options) sys.Cmd {
	return sys.Cmd{
		Does: "find the prebuilt closure, all of it",
		Argv: nixstore.Query("", o.System),
	}
}

// prebuilt sees that every path of the closure is in the store, not only in
// its database, and that the root will have room for them.
func prebuilt(ctx context.Context, s sys.System, o Options) error {
	out, err := s.Output(ctx, pathInfo(o))
	var paths []nixstore.Path
	if err == nil {
		paths, err = nixstore.Parse(out, o.System)
	}
	if err != nil {
		return sys.WithHint(err, sys.CodeSource, "build the installer medium with prebuilt = true, or name a toplevel of this store with --system",
			"finding the prebuilt system "+o.System)
	}
	var size int64
	for _, p := range paths {
		size += p.Size
	}
	if need := size + size/10; o.Room > 0 && need > o.Room {
		return sys.Faultf(sys.CodeMachine, "use a larger disk", "the system needs %d MiB with some margin, the root will have %d MiB", need>>20, o.Room>>20)
	}
	for _, p := range paths {
		if _, err := os.Lstat(filepath.Join(o.Live, p.Name)); err != nil {
			return sys.Faultf(sys.CodeSource, "the medium may be damaged: build or write it anew",
				"the prebuilt system is not whole: %w", err)
		}
	}
	if o.Hashes != nil {
		*o.Hashes = nixstore.Hashes(paths)
	}
	s.Log(fmt.Sprintf("prebuilt system %s, closure of %d MiB", o.System, size>>20))
	return nil
}
