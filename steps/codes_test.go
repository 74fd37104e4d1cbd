package steps

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"auto-installer/internal/engine"
)

// The README's table of exit codes is that of the program.
func TestExitCodesAreInTheREADME(t *testing.T) {
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(data), "| code | meaning |\n|---|---|\n")
	if !ok {
		t.Fatal("the README has no table of exit codes")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var want strings.Builder
	for _, c := range engine.Codes {
		fmt.Fprintf(&want, "| %d | %s |\n", c.Code, c.Meaning)
	}
	if got := table + "\n"; got != want.String() {
		t.Errorf("the README has\n%s\nand the program\n%s", got, want.String())
	}
}
