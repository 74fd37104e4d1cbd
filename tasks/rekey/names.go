package rekey

import (
	"path/filepath"

	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/secrets/keysnix"
)

// Names are the names of keys' holders in keys.nix beside the rules, for messages.
// Without a keys.nix that can be read there are none.
func Names(rules string) map[string]string {
	data, err := sys.ReadRegular(filepath.Join(filepath.Dir(rules), "keys.nix"), 4<<20)
	if err != nil {
		return nil
	}
	keys, err := keysnix.Keys(data)
	if err != nil {
		return nil
	}
	names := map[string]string{}
	for key, name := range keys {
		if r, err := secrets.ParseRecipient(key); err == nil {
			names[r.ID()] = name
		}
	}
	return names
}
