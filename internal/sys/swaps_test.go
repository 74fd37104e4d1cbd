package sys

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func root(t *testing.T, file, content string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSwaps(t *testing.T) {
	got, err := Swaps(root(t, "proc/swaps", "Filename Type Size Used Priority\n/dev/sda3   partition\t9 8 -2\n/swap\\040file file 7 0 10\n"))
	if want := []Swap{{"/dev/sda3", 8 << 10, -2}, {"/swap file", 0, 10}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := Swaps(t.TempDir()); err != nil || got != nil {
		t.Errorf("without swap: %+v, %v", got, err)
	}
	if got, err := Swaps(root(t, "proc/swaps", "Filename\n/dev/sda3 partition\n")); err == nil {
		t.Errorf("an unknown line is %+v", got)
	}
}

// Users who may mount choose names in it.
func FuzzSwaps(f *testing.F) {
	f.Add("Filename Type Size Used Priority\n/swap\\040file file 1 0 -3\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseSwaps(text) })
}
