package block

import (
	"os"
	"path/filepath"
	"slices"
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
