// Package flake writes flake references.
package flake

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/steps/internal/tree"
)

// Ref is the flake in a folder, an absolute path, as nix takes the bare path
// for: the work tree that it lies in, or all of the folder if there is none.
// A bare path ends at the first # or ?, and nothing escapes them there; then it
// is a URL (nix3-flake(1), "Path-like syntax", "Types").
func Ref(dir string) string {
	if !strings.ContainsAny(dir, "#?") {
		return dir
	}
	root, err := tree.Root(dir)
	if err != nil {
		return Path(dir)
	}
	if _, err := os.Lstat(filepath.Join(root, ".git")); err != nil {
		return Path(dir)
	}
	ref := "git+file://" + escaped(root)
	if full, err := filepath.EvalSymlinks(dir); err == nil && full != root {
		// What is below its root already.
		below := strings.TrimPrefix(full, strings.TrimSuffix(root, "/")+"/")
		ref += "?dir=" + strings.ReplaceAll(url.QueryEscape(below), "+", "%20")
	}
	return ref
}

// Path is the flake of all that is in a folder, whatever git knows of it.
func Path(dir string) string { return "path:" + escaped(dir) }

func escaped(dir string) string { return (&url.URL{Path: dir}).EscapedPath() }
