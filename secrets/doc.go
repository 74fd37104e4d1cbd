// Package secrets knows the formats of a flake's secrets: age identities and
// recipients of every kind, the headers of encrypted files, agenix' rules, the
// list of keys in keys.nix, and the sealed bundle that travels on the medium.
//
// filippo.io/age does all cryptography. Nothing here reads or writes a file.
package secrets

import "fmt"

// Malformed is the error of data that is not what it should be. It quotes no
// secret.
type Malformed struct {
	What string // "age identity file", "bundle"
	Why  string
}

func (e *Malformed) Error() string { return fmt.Sprintf("not a valid %s: %s", e.What, e.Why) }

func malformed(what, format string, args ...any) error {
	return &Malformed{what, fmt.Sprintf(format, args...)}
}
