package block

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"auto-installer/internal/sys"
)

// Mount is a mounted file system.
type Mount struct {
	DevNo  string // major:minor; major 0 if there is no single device
	Point  string
	FSType string
	// Options mount it again in the same way (mount(8) -o).
	Options []string

	source string
	super  []string // options of the file system, escaped
}

// Mounts lists the mounts, in the order of mounting. Root is where /proc is,
// "/" except in tests.
func Mounts(root string) ([]Mount, error) {
	infos, err := sys.Mounts(root)
	return mountsOf(infos), err
}

func mountsOf(infos []*mountinfo.Info) []Mount {
	var all []Mount
	for _, i := range infos {
		m := Mount{
			DevNo: fmt.Sprintf("%d:%d", i.Major, i.Minor), Point: i.Mountpoint, FSType: i.FSType,
			Options: strings.Split(i.Options, ","), source: i.Source, super: splitEscaped(i.VFSOptions, ','),
		}
		// The mount decides whether it is writable; the file system's own rw or
		// ro would override that.
		for _, o := range m.super {
			if o != "rw" && o != "ro" && !slices.Contains(m.Options, o) {
				m.Options = append(m.Options, sys.Unescape(o))
			}
		}
		all = append(all, m)
	}
	return all
}

// splitEscaped splits at each sep without a backslash before it.
func splitEscaped(s string, sep byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// layers are the folders of an overlay, under the names that they had when it
// was mounted (kernel: Documentation/filesystems/overlayfs.rst).
func (m Mount) layers() []string {
	if m.FSType != "overlay" && m.FSType != "aufs" {
		return nil
	}
	var paths []string
	for _, o := range m.super {
		name, value, _ := strings.Cut(o, "=")
		if !slices.Contains([]string{"lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"}, name) {
			continue
		}
		for _, p := range splitEscaped(sys.Unescape(value), ':') {
			if p = strings.ReplaceAll(p, `\`, ""); p != "" {
				paths = append(paths, p)
			}
		}
	}
	return paths
}

// below finds the mounts that a path may lie on. The initrd may have recorded
// the path under another root (/mnt-root/nix/.ro-store, /sysroot/...), so below
// also tries it without its first folders: one mount too many does no harm.
func below(mounts []Mount, path string) []Mount {
	path = strings.TrimSuffix(path, " (deleted)")
	path = strings.TrimPrefix(path, "(unreachable)")
	var found []Mount
	for strip := 0; strip < 4 && strings.HasPrefix(path, "/") && path != "/"; strip++ {
		best := -1
		for i, m := range mounts { // of mounts at one point, the last is on top
			under := m.Point == path || strings.HasPrefix(path, strings.TrimSuffix(m.Point, "/")+"/")
			if under && (strip == 0 || m.Point != "/") && (best < 0 || len(m.Point) >= len(mounts[best].Point)) {
				best = i
			}
		}
		if best >= 0 {
			found = append(found, mounts[best])
			if mounts[best].Point != "/" {
				break
			}
		}
		_, path, _ = strings.Cut(path[1:], "/")
		path = "/" + path
	}
	return found
}
