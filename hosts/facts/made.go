package facts

import "auto-installer/hosts"

// Made is what the installer makes of a host.toml.
type Made struct {
	ESP, Root  string // labels
	LUKS, Swap string // labels; empty: not made
	Mapper     string // name of the opened LUKS container
	// RandomSwap: the host encrypts the swap partition with a new key at each
	// start, so it has a partition label only.
	RandomSwap bool
	Keymap     string
	User       string // gets a home; may be empty
	UID        int
	Home       string // as the installed system sees it
}

// MadeOf is what the installer makes of h.
func MadeOf(h hosts.Host) Made {
	m := Made{ESP: h.Labels.EFI, Root: h.Labels.Root, Swap: h.Labels.Swap, RandomSwap: h.SwapIsRandomEncrypted(), Keymap: h.Keymap}
	if h.LUKS.Enable {
		m.LUKS, m.Mapper = h.Labels.LUKS, h.LUKS.MapperName
	}
	if h.TargetUser != "" && h.TargetUser != "root" {
		m.User, m.UID, m.Home = h.TargetUser, h.TargetUID, "/home/"+h.TargetUser
	}
	return m
}

// container is the names of the LUKS container that the installer makes.
func (m Made) container() []Reference { return []Reference{{ByPartLabel, m.LUKS}, {ByLabel, m.LUKS}} }
