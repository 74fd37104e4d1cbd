package contract

import (
	"encoding/json"
	"fmt"
)

// Facts is what a host's own configuration expects, as modules/contract.nix
// gives it. What is not there is empty.
type Facts struct {
	HostName      string                `json:"hostName"`
	FileSystems   map[string]FileSystem `json:"fileSystems"`   // by mount point
	NeededForBoot []string              `json:"neededForBoot"` // mount points that the host's own configuration has the initrd mount
	SwapDevices   []SwapDevice          `json:"swapDevices"`
	LUKSDevices   map[string]LUKSDevice `json:"luksDevices"` // by mapper name
	Crypttab      []string              `json:"crypttab"`    // mapper names that are opened after the initrd
	ResumeDevice  string                `json:"resumeDevice"`
	Keymap        string                `json:"keymap"` // a name, or the path of one that Nix makes
	Loader        Loader                `json:"loader"`
	Initrd        Initrd                `json:"initrd"`
	Secrets       []Secret              `json:"secrets"` // nil: the host does not use agenix
	IdentityPaths []string              `json:"ageIdentityPaths"`
	Users         map[string]User       `json:"users"`
	Disko         bool                  `json:"disko"` // which defines file systems, LUKS and swap then
}

// FileSystem is what is mounted.
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

// Loader is which boot loaders are on.
type Loader struct {
	SystemdBoot          bool   `json:"systemdBoot"`
	Lanzaboote           bool   `json:"lanzaboote"`
	Limine               bool   `json:"limine"`
	LimineEFISupport     *bool  `json:"limineEfiSupport"` // nil: not told
	LimineBIOSDevice     string `json:"limineBiosDevice"` // that it writes to as well, or empty
	Refind               bool   `json:"refind"`
	Extlinux             bool   `json:"extlinux"`
	External             bool   `json:"external"`
	Grub                 Grub   `json:"grub"`
	EFISysMountPoint     string `json:"efiSysMountPoint"`
	CanTouchEFIVariables bool   `json:"canTouchEfiVariables"`
}

// Other tells whether the host starts by a boot loader whose files nothing is
// known of.
func (l Loader) Other() bool {
	return !l.SystemdBoot && !l.Lanzaboote && (l.Limine || l.Refind || l.External)
}

// Initrd is which kernel modules the initrd has, and which it loads by itself.
type Initrd struct {
	Systemd   *bool    `json:"systemd"` // nil: not told
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
	File string `json:"file"` // where the evaluation had it, in the store
	// InSource is its path in the flake that it came with, mostly the config
	// repo; empty if that is not known.
	InSource string `json:"inSource"`
}

// User is an account of the host.
type User struct {
	UID    *int   `json:"uid"`    // nil: NixOS chooses it
	Normal bool   `json:"normal"` // from 1000 on
	Home   string `json:"home"`
}

// parse reads facts. Unknown ones are left out: the medium may be newer.
func parse(data []byte) (*Facts, error) {
	var f *Facts
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("what the host's configuration expects cannot be read: %w", err)
	}
	return f, nil
}
