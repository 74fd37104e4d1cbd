package newhost

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"auto-installer/internal/agenix"
	"auto-installer/internal/sys"
	"auto-installer/secrets/keysnix"
)

// keysFile is where a repo has its keys, below root, or empty: keys.nix, or else
// the one file with keys that the rules import.
func keysFile(root, rulesAt string) string {
	if name := firstOf(root, "secrets/keys.nix", "keys.nix"); name != "" || rulesAt == "" {
		return name
	}
	src, err := sys.ReadRegular(filepath.Join(root, rulesAt), maxKeys)
	if err != nil {
		return ""
	}
	var found []string
	for _, m := range imported.FindAllSubmatch(src, -1) {
		name := filepath.Join(filepath.Dir(rulesAt), string(m[1]))
		if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.IsDir() {
			name = filepath.Join(name, "default.nix")
		}
		data, err := sys.ReadIn(root, name, maxKeys)
		if err != nil || slices.Contains(found, name) {
			continue
		}
		if keys, err := keysnix.Keys(data); err == nil && len(keys) > 0 {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

var imported = regexp.MustCompile(`\bimport\s+(\.[^\s;)]+)`)

// maxKeys bounds a file of keys, in bytes.
const maxKeys = 4 << 20

// rulesFile is agenix' rules of a repo, below root, or empty. Those that RULES
// names elsewhere are not of this repo.
func rulesFile(root string) string {
	for _, file := range []string{agenix.Find(root), agenix.In(root)} {
		full, err := filepath.Abs(file)
		if rel, relErr := filepath.Rel(root, full); file != "" && err == nil && relErr == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return ""
}

func firstOf(root string, names ...string) string {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			return name
		}
	}
	return ""
}
