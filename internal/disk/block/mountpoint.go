package block

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Mount is something that is mounted, in the order of mounting.
type Mount struct {
	DevNo  string // major:minor; major 0 for what has no single device
	Root   string // what of the file system is mounted: "/" unless it is a folder of it
	Point  string
	FSType string
	// Options are those that mount it again in the same way (mount(8) -o).
	Options []string
}

// Mounts lists what is mounted. Root is where /proc is, "/" but in tests.
func Mounts(root string) ([]Mount, error) {
	b, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	found, err := parseMounts(b)
	if err != nil {
		return nil, err
	}
	all := make([]Mount, 0, len(found))
	for _, m := range found {
		all = append(all, Mount{DevNo: m.devNo, Root: m.root, Point: m.point, FSType: m.fsType, Options: m.again()})
	}
	return all, nil
}

// ActiveSwap is a device or file that is swapped to.
type ActiveSwap struct {
	Path     string
	Used     int64 // bytes
	Priority int   // negative: the kernel's own choice
}

// Swaps lists what is swapped to (proc_swaps(5)). Root is where /proc is. A
// kernel without swap has none.
func Swaps(root string) ([]ActiveSwap, error) {
	b, err := os.ReadFile(filepath.Join(root, "proc/swaps"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []ActiveSwap
	for i, line := range strings.Split(string(b), "\n") {
		if i == 0 || line == "" {
			continue
		}
		s := ActiveSwap{}
		var kind string
		var size int64
		if n, _ := fmt.Sscan(line, &s.Path, &kind, &size, &s.Used, &s.Priority); n != 5 {
			return nil, fmt.Errorf("/proc/swaps has an unknown line: %q", line)
		}
		s.Path, s.Used = unescape(s.Path), s.Used<<10
		all = append(all, s)
	}
	return all, nil
}

// again are the options to mount it with anew. Whether it can be written to is
// said by the mount itself; the file system's own word for it would undo that.
func (m mount) again() []string {
	options := slices.Clone(m.options)
	for _, o := range m.super {
		if o != "rw" && o != "ro" && !slices.Contains(options, o) {
			options = append(options, unescape(o))
		}
	}
	return options
}
