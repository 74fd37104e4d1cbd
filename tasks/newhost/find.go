package newhost

import (
	"os"
	"path/filepath"
	"slices"

	"auto-installer/internal/agenix"
	"auto-installer/internal/sys"
	"auto-installer/secrets/keysnix"
	"auto-installer/secrets/nixtext"
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
	tokens, err := nixtext.Tokenize(src)
	if err != nil {
		return ""
	}
	var found []string
	for i, t := range tokens {
		if i == 0 || !tokens[i-1].IsIdent("import") || t.Kind != nixtext.Path {
			continue
		}
		name := filepath.Join(filepath.Dir(rulesAt), t.Text)
		if info, err := os.Stat(filepath.Join(root, name)); err == nil && info.IsDir() {
			name = filepath.Join(name, "default.nix")
		}
		data, err := sys.ReadRegular(filepath.Join(root, name), maxKeys)
		if err != nil || !filepath.IsLocal(name) || slices.Contains(found, name) {
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
