package sys

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Condition is a state of the running system that an undo command ends.
type Condition string

// Mounted holds while something is mounted at dir.
func Mounted(dir string) Condition { return Condition("mounted " + dir) }

// Exists holds while a file of that name exists, such as a mapper's node.
func Exists(name string) Condition { return Condition("exists " + name) }

// SwapOn holds while the kernel swaps to the device and its node exists. swapoff(2)
// needs the node, so swap on a device that was pulled out cannot be ended.
func SwapOn(device string) Condition { return Condition("swapon " + device) }

// Holds returns whether the condition holds now. If that cannot be read, it returns
// true, and the undo command is tried.
func (c Condition) Holds() bool { return c.holds("/") }

func (c Condition) holds(root string) bool {
	kind, name, _ := strings.Cut(string(c), " ")
	exists := func() bool {
		_, err := os.Lstat(filepath.Join(root, name))
		return !os.IsNotExist(err)
	}
	switch kind {
	case "mounted":
		points, err := MountPoints(root)
		return err != nil || slices.Contains(points, name)
	case "exists":
		return exists()
	case "swapon":
		data, err := os.ReadFile(filepath.Join(root, "proc/swaps"))
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 0 && f[0] == name {
				return exists()
			}
		}
		return err != nil
	}
	return true
}

// Mounts lists the mounts of this process, in the order of mounting. Root is
// where /proc is, "/" except in tests.
func Mounts(root string) ([]*mountinfo.Info, error) {
	f, err := os.Open(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mountinfo.GetMountsFromReader(f, nil)
}

// MountPoints lists all mount points.
func MountPoints(root string) ([]string, error) {
	mounts, err := Mounts(root)
	var points []string
	for _, m := range mounts {
		points = append(points, m.Mountpoint)
	}
	return points, err
}

// Free returns how many bytes can still be written to the file system of a folder
// (statfs(2)).
func Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}
