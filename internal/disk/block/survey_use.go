package block

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// readUse finds out what is mounted, swapped to, and run from.
func (v *survey) readUse() error {
	b, err := os.ReadFile(filepath.Join(v.root, "proc/self/mountinfo"))
	if err != nil {
		return err
	}
	if v.mounts, err = parseMounts(b); err != nil {
		return err
	}
	if len(v.mounts) == 0 {
		return errors.New("mountinfo is empty")
	}
	for _, m := range v.mounts {
		for _, name := range v.direct(m) {
			add(v.mounted, name, m.point)
			v.fsTypes[name] = m.fsType
		}
		if slices.Contains(livePoints, m.point) {
			for name := range v.standsOn(m) {
				add(v.live, name, m.point)
			}
		}
	}
	b, err = os.ReadFile(filepath.Join(v.root, "proc/swaps"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without swap
		return err
	}
	for _, path := range parseSwaps(b) {
		if name, ok := v.name(path); ok {
			v.swap[name] = true
		}
	}
	return nil
}

// name is the kernel name of a device given by a path.
func (v *survey) name(path string) (string, bool) {
	if !strings.HasPrefix(path, "/") {
		return "", false
	}
	if real, err := Resolve(v.root, path); err == nil {
		path = real
	}
	for name, d := range v.byName {
		if d.Is(path) {
			return name, true
		}
	}
	return "", false
}

// direct are the devices that a file system is on, by itself.
func (v *survey) direct(m mount) []string {
	var names []string
	for name, d := range v.byName {
		if d.DevNo != "" && d.DevNo == m.devNo {
			names = append(names, name)
		}
		// An imported ZFS pool does not show in sysfs; blkid calls the pool's
		// name the label.
		if pool, _, _ := strings.Cut(m.source, "/"); m.fsType == "zfs" && d.FSType == "zfs_member" && d.Label == pool {
			names = append(names, name)
		}
	}
	for _, path := range strings.Split(m.source, ":") { // bcachefs names all its devices
		if name, ok := v.name(path); ok {
			names = append(names, name)
		}
	}
	if m.fsType == "btrfs" { // of several devices, mountinfo names one
		names = append(names, v.btrfsPeers(names)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// btrfsPeers are the other devices of a mounted btrfs, which sysfs tells
// (kernel: fs/btrfs/sysfs.c).
func (v *survey) btrfsPeers(names []string) []string {
	uuids, _ := filepath.Glob(filepath.Join(v.root, "sys/fs/btrfs/*/devices"))
	for _, dir := range uuids {
		peers := list(dir)
		if slices.ContainsFunc(peers, func(p string) bool { return slices.Contains(names, p) }) {
			return peers
		}
	}
	return nil
}

// standsOn are all devices without which a mount would not be: through
// overlays, loop devices, mappers, arrays and partitions down to the disks.
func (v *survey) standsOn(m mount) map[string]bool {
	names, seen := map[string]bool{}, map[string]bool{}
	var onMount func(mount)
	var onDevice func(string)
	onMount = func(m mount) {
		if seen[m.point+"\x00"+m.devNo] {
			return
		}
		seen[m.point+"\x00"+m.devNo] = true
		for _, name := range v.direct(m) {
			onDevice(name)
		}
		for _, path := range m.layers() {
			for _, below := range mountsOf(v.mounts, path) {
				onMount(below)
			}
		}
	}
	onDevice = func(name string) {
		if names[name] {
			return
		}
		names[name] = true
		for _, n := range v.under[name] {
			onDevice(n)
		}
		if d := v.byName[name]; d != nil && d.BackingFile != "" {
			for _, below := range mountsOf(v.mounts, d.BackingFile) {
				onMount(below)
			}
		}
	}
	onMount(m)
	return names
}
