package sys

import (
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// asOwner makes a command of root run as the owner of a folder. git runs the hooks and
// filters that a repo's .git/config names, and nix reads whatever it may read: in the
// folder of a user, neither may do more than that user. It returns the user's name, or
// an empty string if the command runs as the program does. Call done after the command
// has ended.
func asOwner(cmd *exec.Cmd, folder string) (name string, done func(), err error) {
	done = func() {}
	if folder == "" || os.Geteuid() != 0 {
		return "", done, nil
	}
	uid, gid, err := owner(folder)
	if err != nil || uid == 0 {
		return "", done, err
	}
	name, home := strconv.Itoa(uid), ""
	if u, err := user.LookupId(name); err == nil {
		name, home = u.Username, u.HomeDir
		if g, err := strconv.Atoi(u.Gid); err == nil {
			gid = g
		}
	}
	if at, _, err := owner(home); err != nil || at != uid {
		// A user without a home, such as nobody, gets one: nix has a cache there.
		if home, err = os.MkdirTemp("", "auto-installer-home-"); err != nil {
			return "", done, err
		}
		done = func() { os.RemoveAll(home) }
		if err := os.Lchown(home, uid, gid); err != nil {
			return "", done, err
		}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool {
		return strings.HasPrefix(v, "XDG_") || strings.HasPrefix(v, "SUDO_")
	})
	// The last value of a variable counts (exec.Cmd).
	cmd.Env = append(cmd.Env, "HOME="+home, "USER="+name, "LOGNAME="+name)
	return name, done, nil
}

func owner(name string) (uid, gid int, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, 0, err
	}
	st := info.Sys().(*syscall.Stat_t)
	return int(st.Uid), int(st.Gid), nil
}

// GiveTree makes the owner of like own everything in a folder of root, so that commands
// can run there as that owner. It does not follow links.
func GiveTree(dir, like string) error {
	uid, gid, err := owner(like)
	if err != nil || os.Geteuid() != 0 || uid == 0 {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	// The folder itself comes last: no other user can enter it before.
	err = fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		return root.Lchown(filepath.FromSlash(name), uid, gid)
	})
	if err != nil {
		return err
	}
	return root.Lchown(".", uid, gid)
}

// OthersWrite returns whether other users may write to a file: other than its owner,
// root, and those of this process's own group, which a umask of 002 lets write.
func OthersWrite(info fs.FileInfo) bool {
	others := info.Mode().Perm() & 0o022
	if int(info.Sys().(*syscall.Stat_t).Gid) == os.Getegid() {
		others &= 0o002
	}
	return others != 0
}
