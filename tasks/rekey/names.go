package rekey

import (
	"path/filepath"

	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// Names reads what people call the holders of keys from keys.nix beside the
// rules. It is for messages alone: what cannot be read has no names.
func Names(rules string) map[string]string {
	data, err := sys.ReadRegular(filepath.Join(filepath.Dir(rules), "keys.nix"), 4<<20)
	if err != nil {
		return nil
	}
	keys, err := secrets.Keys(data)
	if err != nil {
		return nil
	}
	names := map[string]string{}
	for _, k := range keys {
		if r, err := secrets.ParseRecipient(k.Recipient); err == nil {
			names[r.ID()] = k.Name
		}
	}
	return names
}
