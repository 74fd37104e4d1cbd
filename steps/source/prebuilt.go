package source

import (
	"fmt"
	"os"
	"path/filepath"

	"auto-installer/internal/engine"
	"auto-installer/internal/nix/nixstore"
	"auto-installer/internal/sys"
)

// prebuilt verifies that every path of the closure is in the store, not only in the database,
// and that the root will have room for them.
func (o Options) prebuilt() engine.Op {
	return engine.Read(sys.Cmd{
		Does: "find all paths of the prebuilt closure",
		Argv: nixstore.Query("", o.System),
	}, o.verifyPaths).Doing("finding the prebuilt system "+o.System).
		Hint(sys.CodeSource, "build the installer medium with prebuilt = true, or name a toplevel of this store with --system")
}

func (o Options) verifyPaths(s sys.System, out []byte) error {
	paths, err := nixstore.Parse(out, o.System)
	if err != nil {
		return err
	}
	var size int64
	for _, p := range paths {
		size += p.Size
	}
	if need := size + size/10; o.Room > 0 && need > o.Room {
		return sys.Faultf(sys.CodeMachine, "use a larger disk", "the system needs %d MiB with some margin; the root will have %d MiB", need>>20, o.Room>>20)
	}
	for _, p := range paths {
		if _, err := os.Lstat(filepath.Join(o.Live, p.Name)); err != nil {
			return sys.Faultf(sys.CodeSource, "the medium may be damaged: build or write it again",
				"the prebuilt system is incomplete: %w", err)
		}
	}
	if o.Hashes != nil {
		*o.Hashes = nixstore.Hashes(paths)
	}
	s.Log(fmt.Sprintf("prebuilt system %s, closure of %d MiB", o.System, size>>20))
	return nil
}
