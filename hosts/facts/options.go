package facts

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed mounts.json
var mountsJSON []byte

// mounts is mounts.json. An option that takes a value ends in =; one that may
// do without stands there twice.
var mounts = func() (m struct {
	Generic []string // options of mount(8), of every file system
	Ext4    []string // of ext4(5), and of the kernel's fs/ext4/super.c
	VFAT    []string // of mount(8), and of the kernel's fs/fat/inode.c
	Network []string // file systems of servers
	Pseudo  []string // file systems without a device, or with one that does not matter
	// Store are the mount points that hide the store that the host starts from.
	Store []string
	// NeededForBoot are those that NixOS mounts in the initrd
	// (nixos/lib/utils.nix).
	NeededForBoot []string
	// Filled are those whose content on the root the host needs.
	Filled []string
},
) {
	if err := json.Unmarshal(mountsJSON, &m); err != nil {
		panic(err)
	}
	return m
}()

// strangers are the options that neither mount(8) nor the file system knows:
// with one of them, mounting fails.
func strangers(fsType string, options []string) []string {
	own := mounts.Ext4
	if fsType == "vfat" {
		own = mounts.VFAT
	}
	var found []string
	for _, o := range flat(options) {
		name, _, hasValue := strings.Cut(o, "=")
		if hasValue {
			name += "="
		}
		isComment := o == "" || strings.HasPrefix(o, "x-") || strings.HasPrefix(o, "X-") || name == "comment=" || strings.Contains(o, `"`)
		if !isComment && !slices.Contains(mounts.Generic, name) && !slices.Contains(own, name) {
			found = append(found, o)
		}
	}
	return found
}

// flat splits options that stand in one string. In quotes, a comma is part of a
// value.
func flat(options []string) []string {
	var all []string
	for _, o := range options {
		if strings.Contains(o, `"`) {
			all = append(all, o)
			continue
		}
		all = append(all, strings.Split(o, ",")...)
	}
	return all
}

func has(options []string, one ...string) bool {
	return slices.ContainsFunc(flat(options), func(o string) bool { return slices.Contains(one, o) })
}

func isSubdir(option string) bool { return strings.HasPrefix(option, "X-mount.subdir=") }

// mountOptions compares the options of a mount with what its file system knows.
func (c *Comparison) mountOptions(point, fsType string, fs FileSystem, fix string) {
	odd := strangers(fsType, fs.Options)
	why := "which " + fsType + " does not know: the mount would fail"
	subdir := slices.DeleteFunc(flat(fs.Options), func(o string) bool { return !isSubdir(o) })
	switch {
	case len(odd) > 0 || point != "/":
	case has(fs.Options, "noexec") && !has(fs.Options, "exec"):
		odd, why = []string{"noexec"}, "so that nothing on the root could start"
	case len(subdir) > 0:
		odd, why = subdir, "and the installer puts the system at the top of the root: the host would not find it"
	}
	if len(odd) == 0 {
		return
	}
	other := fmt.Sprintf("remove %s from fileSystems.%q.options in the host's configuration", quoted(odd, " and "), point)
	if c.facts.Disko {
		left := slices.DeleteFunc(flat(fs.Options), func(o string) bool { return slices.Contains(odd, o) || strings.HasPrefix(o, "x-initrd.") })
		if len(left) == 0 {
			left = []string{"defaults"}
		}
		other = fmt.Sprintf("set fileSystems.%q.options = lib.mkForce [ %s ] in the host's configuration", point, quoted(left, " "))
	}
	c.Differs(cmp.Or(fix, other), "fileSystems.%q.options has %s, %s", point, quoted(odd, ", "), why)
}

func quoted(words []string, between string) string {
	var all []string
	for _, w := range words {
		all = append(all, fmt.Sprintf("%q", w))
	}
	return strings.Join(all, between)
}
