// Package hosts defines a host: every autoInstaller option with its default and
// its rules, and the host.toml files that set them. It starts no command and
// writes no file.
//
// hosts/<name>/host.toml is the only source of a host. Go embeds it here and
// Nix reads it with fromTOML, so its keys are the names of the Nix options.
package hosts

import (
	"path"
	"strings"
)

// mountRoot is where the installer mounts the new root.
const mountRoot = "/mnt"

// Host is one machine to install. The zero value is invalid: start from
// [Default], [Parse] or [Load].
type Host struct {
	// TargetHost is the nixosConfigurations attribute to install. Required.
	TargetHost string `toml:"targetHost"`
	// Prebuilt takes the system from the ISO, offline, instead of building it
	// from the flake on the target.
	Prebuilt bool   `toml:"prebuilt"`
	Labels   Labels `toml:"labels"`
	LUKS     LUKS   `toml:"luks"`
	Swap     Swap   `toml:"swap"`
	// ExtraMountDirs are folders to make below /mnt, as "persist" or
	// "/mnt/persist"; [Host.MountDirs] gives absolute paths.
	ExtraMountDirs []string `toml:"extraMountDirs"`
	// ExtraPostMountCommands are shell commands that run in order once
	// everything is mounted.
	ExtraPostMountCommands []string `toml:"extraPostMountCommands"`
	// RepoRemote is the git URL of the config repo. Required unless Prebuilt.
	RepoRemote string `toml:"repoRemote"`
	// RepoRef is the branch, tag or commit to install; empty means the
	// revision that the ISO was built from, or else the remote's HEAD.
	RepoRef string `toml:"repoRef"`
	// RepoClonePath is where the config repo goes: absolute, below /mnt.
	RepoClonePath string `toml:"repoClonePath"`
	// PowerOff powers off after an install; otherwise the machine reboots.
	PowerOff                 bool     `toml:"powerOff"`
	ExtraInitrdKernelModules []string `toml:"extraInitrdKernelModules"`
	// ExtraPackages are nixpkgs attribute names of packages for the ISO.
	ExtraPackages []string `toml:"extraPackages"`
	// ExtraBootCommands are shell lines for the ISO's initrd
	// (postDeviceCommands).
	ExtraBootCommands string `toml:"extraBootCommands"`
	// BannerText replaces assets/banner.txt above the first screen.
	BannerText string `toml:"bannerText"`
	// TargetUser gets the deploy key and owns its home; may be empty.
	TargetUser string `toml:"targetUser"`
	TargetUID  int    `toml:"targetUid"`
	TargetGID  int    `toml:"targetGid"`
	// Keymap is the console keymap, also for the passphrase.
	Keymap string `toml:"keymap"`
}

// Labels name both the partitions (GPT names) and their contents (filesystem,
// LUKS and swap labels).
type Labels struct {
	EFI  string `toml:"efi"`  // required
	Root string `toml:"root"` // required
	LUKS string `toml:"luks"` // set if and only if luks.enable
	Swap string `toml:"swap"` // set if and only if swap.enable
}

// LUKS puts the root filesystem into a LUKS2 container.
type LUKS struct {
	Enable     bool   `toml:"enable"`
	MapperName string `toml:"mapperName"` // under /dev/mapper
}

// Swap makes a swap partition.
//
// With LUKS, the installer leaves the partition unformatted: plain swap beside
// an encrypted root would write secrets in the clear. The installed system uses
// it as swapDevices.*.randomEncryption on /dev/disk/by-partlabel/<labels.swap>,
// which makes a new key at each boot.
type Swap struct {
	Enable bool `toml:"enable"`
	// Size is in sgdisk's form: a whole number with K, M, G, T or P (KiB to
	// PiB). [Host.SwapBytes] gives it in bytes.
	Size string `toml:"size"`
}

// Default gives a host with every default. It is invalid until the required
// options are set.
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

// SwapIsRandomEncrypted tells whether the installer leaves the swap partition
// unformatted for randomEncryption; see [Swap].
func (h Host) SwapIsRandomEncrypted() bool {
	return h.LUKS.Enable && h.Swap.Enable
}

// SwapBytes gives swap.size in bytes. It fails on a size that Validate refuses.
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
