package steps

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

// docs/commands.md has the program's table of exit codes.
func TestExitCodesAreInTheDocs(t *testing.T) {
	data, err := os.ReadFile("../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(data), "| code | meaning |\n|---|---|\n")
	if !ok {
		t.Fatal("docs/commands.md has no table of exit codes")
	}
	var want strings.Builder
	for _, c := range sys.Codes {
		fmt.Fprintf(&want, "| %d | %s |\n", c.Code, c.Meaning)
	}
	if got := table; got != want.String() {
		t.Errorf("docs/commands.md has\n%s\nand the program\n%s", got, want.String())
	}
}
