package facts

import (
	"strconv"
	"strings"
)

// Kind is how a configuration names a device.
type Kind string

// Kinds of names. The installer gives the first two.
const (
	ByLabel     Kind = "label"
	ByPartLabel Kind = "partition label"
	ByMapper    Kind = "mapper"
	ByUUID      Kind = "UUID"
	ByPartUUID  Kind = "partition UUID"
	ByPool      Kind = "pool"   // of ZFS
	ByOther     Kind = "device" // /dev/sda2, by-id, by-path
	NotDevice   Kind = ""       // a file, a pseudo or a network file system
)

// Reference is the name of a device, taken apart.
type Reference struct {
	Kind Kind
	Name string
}

func (r Reference) String() string {
	dir := map[Kind]string{ByLabel: "/dev/disk/by-label/", ByPartLabel: "/dev/disk/by-partlabel/", ByMapper: "/dev/mapper/"}
	return dir[r.Kind] + r.Name
}

// Refer takes apart what fstab(5) and crypttab(5) accept as a device.
func Refer(device string) Reference {
	if strings.HasPrefix(device, "/dev/zram") { // the kernel makes it
		return Reference{NotDevice, device}
	}
	for _, p := range []struct {
		prefix string
		kind   Kind
	}{
		{"/dev/disk/by-label/", ByLabel},
		{"/dev/disk/by-partlabel/", ByPartLabel},
		{"/dev/disk/by-uuid/", ByUUID},
		{"/dev/disk/by-partuuid/", ByPartUUID},
		{"/dev/disk/by-id/dm-name-", ByMapper},
		{"/dev/mapper/", ByMapper},
		{"LABEL=", ByLabel},
		{"PARTLABEL=", ByPartLabel},
		{"UUID=", ByUUID},
		{"PARTUUID=", ByPartUUID},
		{"ID=", ByOther},
		{"/dev/", ByOther},
	} {
		name, ok := strings.CutPrefix(device, p.prefix)
		if !ok {
			continue
		}
		if strings.HasSuffix(p.prefix, "=") {
			name = unquote(name)
		}
		if p.prefix == "ID=" {
			name = "disk/by-id/" + name
		}
		if pool, ok := strings.CutPrefix(name, "zvol/"); ok && p.kind == ByOther {
			return PoolOf(pool)
		}
		if p.kind != ByOther && p.kind != ByMapper {
			name = unescape(name)
		}
		return Reference{p.kind, name}
	}
	return Reference{NotDevice, device}
}

// PoolOf is the pool of a ZFS dataset or volume.
func PoolOf(dataset string) Reference {
	pool, _, _ := strings.Cut(dataset, "/")
	return Reference{ByPool, pool}
}

// unquote removes the quotes around the value of a tag, as systemd
// (fstab_node_to_udev_node) and libmount do.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// unescape decodes udev's \x20 (systemd: encode_devnode_name) and fstab's \040.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			digits, base := s[i+1:i+4], 8
			if digits[0] == 'x' {
				digits, base = digits[1:], 16
			}
			if n, err := strconv.ParseUint(digits, base, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
