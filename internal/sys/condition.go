package sys

import (
	"errors"
	"fmt"
	"io/fs"
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
		mounts, err := Mounts(root)
		return err != nil || slices.ContainsFunc(mounts, func(m *mountinfo.Info) bool { return m.Mountpoint == name })
	case "exists":
		return exists()
	case "swapon":
		swaps, err := Swaps(root)
		return err != nil || slices.ContainsFunc(swaps, func(s Swap) bool { return s.Path == name }) && exists()
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

// Swap is a device or file in use as swap.
type Swap struct {
	Path     string
	Used     int64 // bytes
	Priority int   // negative: the kernel's own choice
}

// Swaps lists the swap in use (proc_swaps(5)). A kernel without swap support has none.
func Swaps(root string) ([]Swap, error) {
	data, err := os.ReadFile(filepath.Join(root, "proc/swaps"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseSwaps(string(data))
}

func parseSwaps(text string) ([]Swap, error) {
	var all []Swap
	for i, line := range strings.Split(text, "\n") {
		if i == 0 || line == "" {
			continue
		}
		s := Swap{}
		var kind string
		var size int64
		if n, _ := fmt.Sscan(line, &s.Path, &kind, &size, &s.Used, &s.Priority); n != 5 {
			return nil, fmt.Errorf("/proc/swaps has an unknown line: %q", line)
		}
		s.Path, s.Used = Unescape(s.Path), s.Used<<10
		all = append(all, s)
	}
	return all, nil
}

var escapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#", `\054`, ",", `\075`, "=")

// Unescape reverts the kernel's escapes in a file of /proc (fs/seq_file.c, mangle_path;
// include/linux/seq_file.h, seq_show_option).
func Unescape(s string) string { return escapes.Replace(s) }

// Free returns how many bytes can still be written to the file system of a folder
// (statfs(2)).
func Free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}
