package choice

import (
	"slices"
	"strings"
)

// GuessSystem guesses the operating system on a disk from signatures and labels,
// or is empty. The guess is for people; nothing depends on it.
func GuessSystem(v Verdict) string {
	has := map[string]bool{}
	name := ""
	for _, d := range v.Device.Below() {
		has[d.FSType] = true
		label := strings.ToUpper(d.Label)
		isRoot := strings.HasSuffix(label, "-ROOT") || strings.Contains(label, "NIXOS") // as hosts of this installer label it, or NixOS
		if isRoot && slices.Contains([]string{"ext4", "btrfs", "xfs"}, d.FSType) {
			name = d.Label
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
