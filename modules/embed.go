// Package modules carries the Nix functions that the program evaluates itself.
package modules

import _ "embed"

// Contract is a Nix function from a host's evaluated configuration to the
// facts that an install must fit; see contract.nix.
//
//go:embed contract.nix
var Contract string
