// Package hosts says what a host is: every autoInstaller option, its default,
// what values it may have, and the host.toml files that set it. It is pure
// data: it starts no command and writes no file.
//
// hosts/<name>/host.toml is the only source of a host. Go embeds it here and
// Nix reads it with importTOML, so its keys are the Nix options' own names.
package hosts

import (
	"path"
	"strings"
)

// mountRoot is where the installer mounts the target's root filesystem.
const mountRoot = "/mnt"

// Host is one machine to install. Start from [Default], [Parse] or [Load]
// rather than from the zero value, which is not valid.
type Host struct {
	// TargetHost is the nixosConfigurations attribute to install. Required.
	TargetHost string `toml:"targetHost"`
	// Prebuilt takes the system from the ISO, offline, instead of building it
	// from the flake on the target.
	Prebuilt bool   `toml:"prebuilt"`
	Labels   Labels `toml:"labels"`
	LUKS     LUKS   `toml:"luks"`
	Swap     Swap   `toml:"swap"`
	// ExtraMountDirs are made under /mnt, written "persist" or "/mnt/persist";
	// [Host.MountDirs] gives them as absolute paths.
	ExtraMountDirs []string `toml:"extraMountDirs"`
	// ExtraPostMountCommands are shell commands, run in order once all is
	// mounted.
	ExtraPostMountCommands []string `toml:"extraPostMountCommands"`
	// RepoRemote is the git URL of the config repo. Required unless Prebuilt.
	RepoRemote string `toml:"repoRemote"`
	// RepoRef is the branch, tag or commit to install; empty means the
	// revision that the ISO was built from, or else the remote's HEAD.
	RepoRef string `toml:"repoRef"`
	// RepoClonePath is where the config repo goes: absolute, below /mnt.
	RepoClonePath string `toml:"repoClonePath"`
	// PowerOff ends a finished install with power off rather than a reboot.
	PowerOff                 bool     `toml:"powerOff"`
	ExtraInitrdKernelModules []string `toml:"extraInitrdKernelModules"`
	// ExtraPackages are nixpkgs attribute names, put on the ISO.
	ExtraPackages []string `toml:"extraPackages"`
	// ExtraBootCommands are shell lines for the ISO's initrd
	// (postDeviceCommands).
	ExtraBootCommands string `toml:"extraBootCommands"`
	// BannerText replaces assets/banner.txt above the first screen.
	BannerText string `toml:"bannerText"`
	// TargetUser gets the deploy key and owns its home; empty means nobody.
	TargetUser string `toml:"targetUser"`
	TargetUID  int    `toml:"targetUid"`
	TargetGID  int    `toml:"targetGid"`
	// Keymap is the console keymap, in which the passphrase is typed too.
	Keymap string `toml:"keymap"`
}

// Labels name the partitions (GPT names) and what is on them (filesystem,
// LUKS and swap labels): each serves as both.
type Labels struct {
	EFI  string `toml:"efi"`  // required
	Root string `toml:"root"` // required
	LUKS string `toml:"luks"` // set if and only if luks.enable
	Swap string `toml:"swap"` // set if and only if swap.enable
}

// LUKS says whether the root filesystem lies in a LUKS2 container.
type LUKS struct {
	Enable     bool   `toml:"enable"`
	MapperName string `toml:"mapperName"` // under /dev/mapper
}

// Swap says whether there is a swap partition.
//
// With LUKS on as well, the partition is made and named but left unformatted:
// plain swap beside an encrypted root would write secrets in the clear. The
// installed system is to use it as swapDevices.*.randomEncryption on
// /dev/disk/by-partlabel/<labels.swap>, which makes a new key at each boot.
type Swap struct {
	Enable bool `toml:"enable"`
	// Size is in sgdisk's form: a whole number with K, M, G, T or P (KiB to
	// PiB). [Host.SwapBytes] gives it in bytes.
	Size string `toml:"size"`
}

// Default gives a host with every default set. It is not valid yet: the
// required options have none.
func Default() Host {
	return Host{
		LUKS:          LUKS{MapperName: "cryptroot"},
		Swap:          Swap{Size: "8G"},
		RepoClonePath: "/mnt/nix-config",
		PowerOff:      true,
		TargetUID:     1000,
		TargetGID:     100,
		Keymap:        "us",
	}
}

// SwapIsRandomEncrypted tells whether the swap partition is to be left
// unformatted for randomEncryption; see [Swap].
func (h Host) SwapIsRandomEncrypted() bool {
	return h.LUKS.Enable && h.Swap.Enable
}

// SwapBytes gives swap.size in bytes. It fails on a size that Validate
// refuses, whether swap is enabled or not.
func (h Host) SwapBytes() (int64, error) {
	return parseSize(h.Swap.Size)
}

// MountDirs gives ExtraMountDirs as clean absolute paths, in their order.
func (h Host) MountDirs() []string {
	dirs := make([]string, 0, len(h.ExtraMountDirs))
	for _, dir := range h.ExtraMountDirs {
		dirs = append(dirs, underMount(dir))
	}
	return dirs
}

// underMount cleans dir, and puts a relative one below /mnt.
func underMount(dir string) string {
	if strings.HasPrefix(dir, "/") {
		return path.Clean(dir)
	}
	return path.Join(mountRoot, dir)
}
