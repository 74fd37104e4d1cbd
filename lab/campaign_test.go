//go:build e2e

package lab

// The steps of an install, in their order.
var stepNames = []string{
	"preflight", "source", "contract", "secrets", "gate", "partition", "encrypt", "format", "mount", "repo",
	"identity", "closure", "system", "sshkey", "opened", "bootproof", "finish",
}

var faultNames = []string{}
