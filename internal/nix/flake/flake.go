// Package flake writes flake references.
package flake

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/worktree"
)

// Find is the folder with the flake that dir lies in: the nearest with a
// flake.nix, in the same work tree if there is one. It is absolute and without
// links, which nix does not follow. Without a flake it is dir.
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

// Ref is the flake in a folder, an absolute path, as nix takes the bare path
// for: the work tree that it lies in, or all of the folder if there is none.
// A bare path ends at the first # or ?, and nothing escapes them there; then it
// is a URL (nix3-flake(1), "Path-like syntax", "Types").
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

// Path is the flake of all that is in a folder, whatever git knows of it.
func Path(dir string) string { return "path:" + escaped(dir) }

func escaped(dir string) string { return (&url.URL{Path: dir}).EscapedPath() }
