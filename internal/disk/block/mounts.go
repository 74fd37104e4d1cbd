package block

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mount is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	devNo   string // major:minor; major 0 for what has no single device
	root    string // what of the file system is mounted
	point   string
	options []string // of this mount
	fsType  string
	source  string
	super   []string // per-superblock options
}

// parseMounts reads mountinfo. A line that cannot be read is an error: it
// could be the one that says what the running system stands on.
func parseMounts(b []byte) ([]mount, error) {
	var ms []mount
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20) // an overlay of many layers makes long lines
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		f, g := strings.Split(before, " "), strings.Split(after, " ")
		if !ok || len(f) < 6 || len(g) < 2 {
			return nil, fmt.Errorf("mountinfo has an unknown line: %q", lines.Text())
		}
		m := mount{
			devNo: f[2], root: unescape(f[3]), point: unescape(f[4]), options: strings.Split(f[5], ","),
			fsType: g[0], source: unescape(g[1]),
		}
		if len(g) > 2 {
			m.super = splitEscaped(g[2], ',')
		}
		ms = append(ms, m)
	}
	return ms, lines.Err()
}

// parseSwaps reads the paths from /proc/swaps (proc_swaps(5)).
func parseSwaps(b []byte) []string {
	var paths []string
	for i, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); i > 0 && len(f) > 0 {
			paths = append(paths, unescape(f[0]))
		}
	}
	return paths
}

// unescape undoes \040 and the like (kernel: fs/seq_file.c, mangle_path).
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// splitEscaped splits where sep has no backslash before it.
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

// layers are the folders that an overlay is made of, as they were named when
// it was mounted (kernel: Documentation/filesystems/overlayfs.rst).
func (m mount) layers() []string {
	if m.fsType != "overlay" && m.fsType != "aufs" {
		return nil
	}
	var paths []string
	for _, o := range m.super {
		name, value, _ := strings.Cut(o, "=")
		if !slices.Contains([]string{"lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"}, name) {
			continue
		}
		for _, p := range splitEscaped(unescape(value), ':') {
			if p = strings.ReplaceAll(p, `\`, ""); p != "" {
				paths = append(paths, p)
			}
		}
	}
	return paths
}

// mountsOf finds the mounts on which a path may lie. A path that was noted
// before the initrd handed over (/mnt-root/nix/.ro-store, /sysroot/...) is
// also looked for without its first folders: rather one mount too many than
// the one that matters missed.
func mountsOf(ms []mount, path string) []mount {
	path = strings.TrimSuffix(path, " (deleted)")
	path = strings.TrimPrefix(path, "(unreachable)")
	var found []mount
	for strip := 0; strip < 4 && strings.HasPrefix(path, "/") && path != "/"; strip++ {
		best := -1
		for i, m := range ms { // of equal ones the last is on top
			under := m.point == path || strings.HasPrefix(path, strings.TrimSuffix(m.point, "/")+"/")
			if under && (strip == 0 || m.point != "/") && (best < 0 || len(m.point) >= len(ms[best].point)) {
				best = i
			}
		}
		if best >= 0 {
			found = append(found, ms[best])
			if ms[best].point != "/" {
				break
			}
		}
		_, path, _ = strings.Cut(path[1:], "/")
		path = "/" + path
	}
	return found
}
