package block

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/sys"
)

// livePoints are where live systems mount what they run from: NixOS, Debian,
// Fedora, Arch, Ubuntu.
var livePoints = []string{
	"/", "/iso", "/nix/store", "/nix/.ro-store", "/run/initramfs/live", "/run/live/medium",
	"/run/archiso/bootmnt", "/run/rootfsbase", "/cdrom",
}

// readUse finds out what is mounted, used as swap, and part of the running
// system.
func (v *surveyor) readUse() error {
	var err error
	if v.mounts, err = Mounts(v.root); err != nil {
		return err
	}
	if len(v.mounts) == 0 {
		return errors.New("mountinfo is empty")
	}
	for _, m := range v.mounts {
		for _, name := range v.direct(m) {
			d := v.byName[name]
			d.Mountpoints = union(d.Mountpoints, m.Point)
			d.FSType = cmp.Or(d.FSType, m.FSType)
		}
		if slices.Contains(livePoints, m.Point) {
			for name := range v.standsOn(m) {
				if d := v.byName[name]; !slices.Contains(d.Live, m.Point) {
					d.Live = append(d.Live, m.Point)
				}
			}
		}
	}
	swaps, err := sys.Swaps(v.root)
	for _, s := range swaps {
		if name, ok := v.name(s.Path); ok {
			v.byName[name].Swap = true
		}
	}
	return err
}

// name is the kernel's name of the device that a path leads to.
func (v *surveyor) name(path string) (string, bool) {
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

// direct lists the devices of a mounted file system.
func (v *surveyor) direct(m Mount) []string {
	var names []string
	for name, d := range v.byName {
		if d.DevNo != "" && d.DevNo == m.DevNo {
			names = append(names, name)
		}
		// sysfs does not show an imported ZFS pool. blkid reports the pool's
		// name as the label.
		if pool, _, _ := strings.Cut(m.source, "/"); m.FSType == "zfs" && d.FSType == "zfs_member" && d.Label == pool {
			names = append(names, name)
		}
	}
	for _, path := range strings.Split(m.source, ":") { // bcachefs names all its devices
		if name, ok := v.name(path); ok {
			names = append(names, name)
		}
	}
	if m.FSType == "btrfs" { // mountinfo names one of its devices
		names = append(names, v.btrfsPeers(names)...)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return v.byName[name] == nil })
	return union(names)
}

// btrfsPeers lists all devices of a mounted btrfs (kernel: fs/btrfs/sysfs.c).
func (v *surveyor) btrfsPeers(names []string) []string {
	uuids, _ := filepath.Glob(filepath.Join(v.root, "sys/fs/btrfs/*/devices"))
	for _, dir := range uuids {
		peers := list(dir)
		if slices.ContainsFunc(peers, func(p string) bool { return slices.Contains(names, p) }) {
			return peers
		}
	}
	return nil
}

// standsOn lists all devices that a mount needs: through overlays, loop
// devices, mappers, arrays and partitions down to the disks.
func (v *surveyor) standsOn(m Mount) map[string]bool {
	names, seen := map[string]bool{}, map[string]bool{}
	var onMount func(Mount)
	var onDevice func(string)
	onMount = func(m Mount) {
		if seen[m.Point+"\x00"+m.DevNo] {
			return
		}
		seen[m.Point+"\x00"+m.DevNo] = true
		for _, name := range v.direct(m) {
			onDevice(name)
		}
		for _, path := range m.layers() {
			for _, b := range below(v.mounts, path) {
				onMount(b)
			}
		}
	}
	onDevice = func(name string) {
		d := v.byName[name]
		if d == nil || names[name] {
			return
		}
		names[name] = true
		for _, n := range v.under[name] {
			onDevice(n)
		}
		if d.BackingFile != "" {
			for _, b := range below(v.mounts, d.BackingFile) {
				onMount(b)
			}
		}
	}
	onMount(m)
	return names
}
