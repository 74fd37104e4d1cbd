package uevent

import (
	"bytes"
	"encoding/binary"
)

// Header of udev's messages (systemd: src/libsystemd/sd-device/device-monitor.c,
// monitor_netlink_header): "libudev\0", a magic number in network byte order; then
// in native byte order the size of the header, and the offset and length of the
// properties, in bytes; then hashes for socket filters.
const (
	udevPrefix = "libudev\x00"
	udevMagic  = 0xfeedcafe
	udevHeader = 24 // up to the end of the properties' length
)

// isBlock reports whether a message is about a block device.
func isBlock(msg []byte) bool {
	properties, ok := properties(msg)
	if !ok {
		return false
	}
	for p := range bytes.SplitSeq(properties, []byte{0}) {
		if string(p) == "SUBSYSTEM=block" {
			return true
		}
	}
	return false
}

// properties finds the NAME=value strings of a message, each with a NUL at its end.
// In the kernel's form (lib/kobject_uevent.c) they follow "add@/devices/...".
func properties(msg []byte) ([]byte, bool) {
	if !bytes.HasPrefix(msg, []byte(udevPrefix)) {
		head, rest, ok := bytes.Cut(msg, []byte{0})
		action, path, at := bytes.Cut(head, []byte("@"))
		return rest, ok && at && len(action) > 0 && bytes.HasPrefix(path, []byte("/"))
	}
	if len(msg) < udevHeader || binary.BigEndian.Uint32(msg[8:]) != udevMagic {
		return nil, false
	}
	offset := uint64(binary.NativeEndian.Uint32(msg[16:]))
	length := uint64(binary.NativeEndian.Uint32(msg[20:]))
	if offset < udevHeader || offset+length > uint64(len(msg)) {
		return nil, false
	}
	return msg[offset : offset+length], true
}
