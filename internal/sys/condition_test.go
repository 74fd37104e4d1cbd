package sys

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSwapOn(t *testing.T) {
	root := t.TempDir()
	for name, data := range map[string]string{
		"proc/swaps": "Filename Type Size Used Priority\n/dev/sda3 partition 9 0 -2\n/dev/sdb3 partition 9 0 -3\n",
		"dev/sda3":   "", "dev/sdc3": "",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for device, want := range map[string]bool{
		"/dev/sda3": true,
		"/dev/sdb3": false, // pulled out
		"/dev/sdc3": false,
	} {
		if got := SwapOn(device).holds(root); got != want {
			t.Errorf("%s: %v", device, got)
		}
	}
}
