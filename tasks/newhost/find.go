package newhost

import (
	"os"
	"path/filepath"

	"auto-installer/internal/agenix"
)

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
