package efi

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Room is how many bytes of variables the firmware still takes, less what the
// kernel keeps free lest the firmware fail (Linux, fs/efivarfs/super.c,
// efivarfs_statfs). It is -1 if that is not known: the kernel tells it since
// Linux 6.7, and some firmware never does.
func Room(root string) int64 {
	var st unix.Statfs_t
	err := unix.Statfs(filepath.Join(root, "sys/firmware/efi/efivars"), &st)
	if err != nil || st.Type != unix.EFIVARFS_MAGIC || st.Blocks == 0 {
		return -1
	}
	return int64(st.Bavail) * st.Bsize
}
