package contract

import (
	"strconv"
	"strings"

	"auto-installer/internal/disk/block"
)

// kind is how a configuration names a device.
type kind string

// Kinds of names. The first two are what an installer can give a partition.
const (
	byLabel     kind = "label"
	byPartLabel kind = "partition label"
	byMapper    kind = "mapper"
	byUUID      kind = "UUID"
	byPartUUID  kind = "partition UUID"
	byPool      kind = "pool"   // of ZFS
	byOther     kind = "device" // /dev/sda2, by-id, by-path
	notDevice   kind = ""       // a file, a pseudo or a network file system
)

// reference is the name of a device, taken apart.
type reference struct {
	kind kind
	name string
}

// refer takes apart what fstab(5) and crypttab(5) take for a device.
func refer(device string) reference {
	if strings.HasPrefix(device, "/dev/zram") { // the kernel makes it
		return reference{notDevice, device}
	}
	for _, p := range []struct {
		prefix string
		kind   kind
	}{
		{"/dev/disk/by-label/", byLabel},
		{"/dev/disk/by-partlabel/", byPartLabel},
		{"/dev/disk/by-uuid/", byUUID},
		{"/dev/disk/by-partuuid/", byPartUUID},
		{"/dev/disk/by-id/dm-name-", byMapper},
		{"/dev/mapper/", byMapper},
		{"LABEL=", byLabel},
		{"PARTLABEL=", byPartLabel},
		{"UUID=", byUUID},
		{"PARTUUID=", byPartUUID},
		{"ID=", byOther},
		{"/dev/", byOther},
	} {
		if name, ok := strings.CutPrefix(device, p.prefix); ok {
			if strings.HasSuffix(p.prefix, "=") {
				name = unquote(name)
			}
			if p.prefix == "ID=" {
				name = "disk/by-id/" + name
			}
			if pool, ok := strings.CutPrefix(name, "zvol/"); ok && p.kind == byOther {
				return poolOf(pool)
			}
			if p.kind != byOther && p.kind != byMapper {
				name = unescape(name)
			}
			return reference{p.kind, name}
		}
	}
	return reference{notDevice, device}
}

// poolOf is the pool of a dataset or a volume.
func poolOf(dataset string) reference {
	pool, _, _ := strings.Cut(dataset, "/")
	return reference{byPool, pool}
}

// unquote undoes the quotes around the value of a tag (systemd:
// fstab_node_to_udev_node; libmount takes them off, too).
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// unescape undoes what udev makes of characters that a file name should not
// have, \x20 (systemd: encode_devnode_name), and fstab's \040.
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

// is tells whether a device that is there carries the name.
func (r reference) is(d block.Device) bool {
	switch r.kind {
	case byLabel:
		return d.Label == r.name
	case byPartLabel:
		return d.PartLabel == r.name
	case byUUID:
		return strings.EqualFold(d.UUID, r.name)
	case byPartUUID:
		return strings.EqualFold(d.PartUUID, r.name)
	case byMapper:
		return d.Path == "/dev/mapper/"+r.name
	case byPool:
		return d.FSType == "zfs_member" && d.Label == r.name
	case byOther:
		group, volume, _ := strings.Cut(strings.ReplaceAll(r.name, "-", "--"), "/") // /dev/GROUP/VOLUME of LVM
		return d.Is("/dev/"+r.name) || d.ByID == "/dev/"+r.name || d.Path == "/dev/mapper/"+group+"-"+volume
	}
	return false
}
