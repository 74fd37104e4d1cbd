package choice

import (
	"strings"

	"auto-installer/internal/disk/block"
)

// GuessSystem guesses from signatures and labels which operating system is on
// a disk. It is empty if nothing tells. It is for people; nothing depends on
// it.
func GuessSystem(v Verdict) string {
	has := map[string]bool{}
	name := ""
	for _, d := range v.Device.Below() {
		has[d.FSType] = true
		if d.FSType == "ext4" || d.FSType == "btrfs" || d.FSType == "xfs" {
			name = nixName(d, name)
		}
	}
	switch {
	case name != "":
		return "NixOS? (" + name + ")"
	case has["BitLocker"]:
		return "Windows, BitLocker"
	case has["ntfs"]:
		return "Windows"
	case has["apfs"] || has["hfsplus"]:
		return "macOS"
	case has["crypto_LUKS"]:
		return "Linux, encrypted"
	case has["zfs_member"], has["LVM2_member"], has["linux_raid_member"]:
		return "part of an array"
	case has["ext4"], has["btrfs"], has["xfs"]:
		return "Linux"
	}
	return ""
}

// nixName takes a root label as NixOS hosts here have it, X-ROOT, or nixos.
func nixName(d block.Device, otherwise string) string {
	label := strings.ToUpper(d.Label)
	if strings.HasSuffix(label, "-ROOT") || strings.Contains(label, "NIXOS") {
		return d.Label
	}
	return otherwise
}
