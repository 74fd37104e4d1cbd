package sys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// MemAvailable returns how much memory is available without swapping, in bytes. root
// is the root of the machine.
func MemAvailable(root string) (int64, error) { return meminfo(root, "MemAvailable") }

// MemTotal returns the size of the memory, in bytes.
func MemTotal(root string) (int64, error) { return meminfo(root, "MemTotal") }

// meminfo reads a line of proc_meminfo(5).
func meminfo(root, name string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, name+": %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("/proc/meminfo has no " + name)
}
