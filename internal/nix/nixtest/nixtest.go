// Package nixtest helps tests that run nix.
package nixtest

import (
	"os/exec"
	"testing"
)

// Need fails the test at once on a machine without nix.
func Need(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("nix"); err != nil {
		t.Fatal("this test needs nix in PATH: `./bootstrap unit` brings it")
	}
}
