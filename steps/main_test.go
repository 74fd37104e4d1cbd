package steps

import (
	"flag"
	"os"
	"testing"

	"auto-installer/steps/source"
)

func TestMain(m *testing.M) {
	source.KnownHosts = nil // not those of this machine
	// For TestTopology, unless the command line has its flags.
	for name, value := range map[string]string{"rapid.seed": "1", "rapid.checks": "400"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
