// Package flake writes flake references, and nix commands for flakes.
package flake

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
)

// Find is the nearest folder above dir with a flake.nix, in the same work tree; or
// dir. It is without links, which nix does not follow.
func Find(dir string) string {
	if full, err := filepath.EvalSymlinks(dir); err == nil {
		dir = full
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "flake.nix")); err == nil {
			return at
		}
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil || at == filepath.Dir(at) {
			return dir
		}
	}
}

// Ref is the reference to the flake in a folder, an absolute path. nix reads a bare
// path as the work tree that it lies in, or as the folder. A bare path ends at the
// first # or ?, which cannot be escaped: then Ref is the URL of the same
// (nix3-flake(1), "Path-like syntax", "Types").
func Ref(dir string) string {
	if full, err := filepath.EvalSymlinks(dir); err == nil {
		dir = full
	}
	if !strings.ContainsAny(dir, "#?") {
		return dir
	}
	root, err := worktree.Root(dir)
	if err != nil {
		return Path(dir)
	}
	if _, err := os.Lstat(filepath.Join(root, ".git")); err != nil {
		return Path(dir)
	}
	ref := "git+file://" + escaped(root)
	if dir != root {
		below := strings.TrimPrefix(dir, strings.TrimSuffix(root, "/")+"/")
		ref += "?dir=" + strings.ReplaceAll(url.QueryEscape(below), "+", "%20")
	}
	return ref
}

// Path is the reference to a folder with all of its files, also those that git does
// not know.
func Path(dir string) string { return "path:" + escaped(dir) }

func escaped(dir string) string { return (&url.URL{Path: dir}).EscapedPath() }

// Nix is a nix command for the flake in a folder, with the rights of its owner.
func Nix(dir, does string, argv ...string) sys.Cmd {
	return sys.Cmd{Does: does, Argv: append([]string{"nix", "--extra-experimental-features", "nix-command flakes"}, argv...), Owner: dir}
}
