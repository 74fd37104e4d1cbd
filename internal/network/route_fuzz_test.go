package network

import (
	"strings"
	"testing"
)

// FuzzRoutes reads lines of the kernel's route tables, whose interfaces' names
// are chosen by others.
func FuzzRoutes(f *testing.F) {
	f.Add("eth0 00000000 0202000A 0003 0 0 0 00000000 0 0 0")
	f.Add("00000000000000000000000000000000 00 0 00 0 ffffffff 1 0 00200200 lo")
	f.Fuzz(func(_ *testing.T, line string) {
		route4(strings.Fields(line))
		route6(strings.Fields(line))
	})
}
