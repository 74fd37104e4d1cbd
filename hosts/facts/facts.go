// Package facts is what a host's own configuration says of its file systems,
// boot loader, keymap, secrets and users, as modules/contract.nix gathers it,
// and how that differs from what the installer makes of host.toml. The build of
// a medium and the contract step on the machine use the same [Compare].
package facts

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"auto-installer/hosts"
)

// Facts is what modules/contract.nix returns. What a configuration does not
// have is empty.
type Facts struct {
	HostName      string                `json:"hostName"`
	FileSystems   map[string]FileSystem `json:"fileSystems"`   // by mount point
	NeededForBoot []string              `json:"neededForBoot"` // mount points that the host's own configuration has the initrd mount
	SwapDevices   []SwapDevice          `json:"swapDevices"`
	LUKSDevices   map[string]LUKSDevice `json:"luksDevices"` // by mapper name
	Crypttab      []string              `json:"crypttab"`    // mapper names that the host opens after the initrd
	ResumeDevice  string                `json:"resumeDevice"`
	Keymap        string                `json:"keymap"` // a name, or the path of a keymap that Nix makes
	Loader        Loader                `json:"loader"`
	Initrd        Initrd                `json:"initrd"`
	Secrets       []Secret              `json:"secrets"` // nil: the host does not use agenix
	IdentityPaths []string              `json:"ageIdentityPaths"`
	Users         map[string]User       `json:"users"`
	Disko         bool                  `json:"disko"` // disko defines file systems, LUKS and swap
}

// FileSystem is one mount.
type FileSystem struct {
	Device  string   `json:"device"`
	FSType  string   `json:"fsType"`
	Options []string `json:"options"`
}

// SwapDevice is a partition or a file to swap to.
type SwapDevice struct {
	Device           string   `json:"device"`
	RandomEncryption bool     `json:"randomEncryption"`
	Options          []string `json:"options"`
}

// LUKSDevice is a container that the initrd opens.
type LUKSDevice struct {
	Device  string `json:"device"`
	KeyFile string `json:"keyFile"`
	Header  string `json:"header"`
}

// Loader says which boot loaders the host enables.
type Loader struct {
	SystemdBoot          bool   `json:"systemdBoot"`
	Lanzaboote           bool   `json:"lanzaboote"`
	Limine               bool   `json:"limine"`
	LimineEFISupport     *bool  `json:"limineEfiSupport"` // nil: unknown
	LimineBIOSDevice     string `json:"limineBiosDevice"` // that it writes to as well, or empty
	Refind               bool   `json:"refind"`
	Extlinux             bool   `json:"extlinux"`
	External             bool   `json:"external"`
	Grub                 Grub   `json:"grub"`
	EFISysMountPoint     string `json:"efiSysMountPoint"`
	CanTouchEFIVariables bool   `json:"canTouchEfiVariables"`
}

// Other tells whether the host starts by a boot loader whose files the program
// does not know.
func (l Loader) Other() bool {
	return !l.SystemdBoot && !l.Lanzaboote && (l.Limine || l.Refind || l.External)
}

// Initrd says which kernel modules the initrd has, and which it loads itself.
type Initrd struct {
	Systemd   *bool    `json:"systemd"` // nil: unknown
	Available []string `json:"availableKernelModules"`
	Loaded    []string `json:"kernelModules"`
}

// Grub is boot.loader.grub.
type Grub struct {
	Enable                bool     `json:"enable"`
	EFISupport            bool     `json:"efiSupport"`
	EFIInstallAsRemovable bool     `json:"efiInstallAsRemovable"`
	Devices               []string `json:"devices"`
}

// Secret is an agenix file that the host decrypts when it starts.
type Secret struct {
	Name string `json:"name"`
	File string `json:"file"` // in the store, where the evaluation had it
	// InSource is its path in the flake that it came with, mostly the config
	// repo; empty if unknown.
	InSource string `json:"inSource"`
}

// User is an account of the host.
type User struct {
	UID    *int   `json:"uid"`    // nil: NixOS chooses it
	Normal bool   `json:"normal"` // from 1000 on
	Home   string `json:"home"`
}

// Parse reads facts. It ignores unknown keys: the medium may be newer.
func Parse(data []byte) (*Facts, error) {
	var f *Facts
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("the facts of the host's configuration are invalid: %w", err)
	}
	if f == nil {
		return nil, errors.New("the facts of the host's configuration are empty")
	}
	return f, nil
}

// Opens is the name under which the host opens the container that the installer
// makes; the installer's own if it does not open it. It is empty without one.
func (f *Facts) Opens(h hosts.Host) string {
	if !h.LUKS.Enable {
		return ""
	}
	if _, ok := f.LUKSDevices[h.LUKS.MapperName]; ok {
		return h.LUKS.MapperName
	}
	for _, name := range sortedNames(f.LUKSDevices) {
		if slices.Contains(container(h), Refer(f.LUKSDevices[name].Device)) {
			return name
		}
	}
	return h.LUKS.MapperName
}
