// Package secrets reads and writes the formats of a flake's secrets: age identities
// and recipients of every kind, the headers of encrypted files, agenix' rules, and
// a host's sealed keys.
//
// filippo.io/age does all cryptography. This package opens no file.
package secrets

import "fmt"

// Malformed is the error of invalid data. It quotes no secret.
type Malformed struct {
	What string // "age identity file", "bundle"
	Why  string
}

func (e *Malformed) Error() string { return fmt.Sprintf("invalid %s: %s", e.What, e.Why) }

func malformed(what, format string, args ...any) error {
	return &Malformed{what, fmt.Sprintf(format, args...)}
}
