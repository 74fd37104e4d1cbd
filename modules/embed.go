// Package modules carries the Nix functions that the program evaluates itself.
package modules

import _ "embed"

// Contract is a Nix function from a host's evaluated configuration to the
// facts that an install must fit; see contract.nix.
//
//go:embed contract.nix
var Contract string

// Mounts is what file systems know of mount options, which of them need no
// disk, and which mount points a start depends on, for agreement.nix and for
// the program; see mounts.json.
//
//go:embed mounts.json
var Mounts []byte
