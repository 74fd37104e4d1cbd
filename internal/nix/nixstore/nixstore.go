// Package nixstore reads a closure from the database of a Nix store.
package nixstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
)

// Query is the command that lists the closure of a path in a store. An empty root
// is this machine's own store.
func Query(root, name string) []string {
	argv := []string{"nix", "--extra-experimental-features", "nix-command", "path-info", "--json", "--recursive"}
	if root != "" {
		argv = append(argv, "--store", root)
	}
	return append(argv, name)
}

// Path is a store path of a closure.
type Path struct {
	Name string // absolute
	Size int64  // of its NAR, bytes
	// Hash is the hash of its NAR, as nix writes it: text, or an object in the
	// newest nix. It may be empty.
	Hash string
}

var errInvalid = errors.New("the path is not valid in this store")

// Parse reads the output of Query: a list before nix 2.19, a map by store path
// since. The queried path must be in it, and all paths must be valid.
func Parse(out []byte, name string) ([]Path, error) {
	type info struct {
		Path    string          `json:"path"`
		NarSize int64           `json:"narSize"`
		NarHash json.RawMessage `json:"narHash"`
		Valid   *bool           `json:"valid"`
	}
	var list []info
	if json.Unmarshal(out, &list) != nil {
		list = nil
		var byPath map[string]*info
		if err := json.Unmarshal(out, &byPath); err != nil {
			return nil, fmt.Errorf("the output of nix path-info is not understood: %w", err)
		}
		for at, i := range byPath {
			if i == nil {
				return nil, errInvalid
			}
			if i.Path = at; !path.IsAbs(at) { // newest: no folder
				i.Path = path.Join(path.Dir(name), at)
			}
			list = append(list, *i)
		}
	}
	found := false
	var paths []Path
	for _, i := range list {
		if i.Valid != nil && !*i.Valid {
			return nil, errInvalid
		}
		found = found || i.Path == name
		paths = append(paths, Path{Name: i.Path, Size: i.NarSize, Hash: hash(i.NarHash)})
	}
	if !found {
		return nil, errInvalid
	}
	return paths, nil
}

// hash is a hash in one line, so that two outputs can be compared.
func hash(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil { // null: empty
		return text
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return ""
	}
	return b.String()
}

// Hashes is the hash of each path.
func Hashes(paths []Path) map[string]string {
	m := make(map[string]string, len(paths))
	for _, p := range paths {
		m[p.Name] = p.Hash
	}
	return m
}
