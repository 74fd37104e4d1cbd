// Package secrets reads and writes the formats of a flake's secrets: age identities
// and recipients of every kind, the headers of encrypted files, agenix' rules, and
// a host's sealed keys.
//
// filippo.io/age does all cryptography. This package opens no file.
package secrets

import "fmt"

// malformed is the error of invalid data. It quotes no secret.
func malformed(what, format string, args ...any) error {
	return fmt.Errorf("invalid %s: %s", what, fmt.Sprintf(format, args...))
}
