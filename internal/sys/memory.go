package sys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// MemAvailable is the memory that can be had without swapping, in bytes, below
// the root of a machine (proc_meminfo(5)).
func MemAvailable(root string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("the kernel does not tell how much memory is free")
}
