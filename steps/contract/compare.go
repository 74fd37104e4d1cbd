package contract

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Made is what the installer will make.
type Made struct {
	ESP, Root  string // labels
	LUKS, Swap string // labels, empty: there is none
	Mapper     string // name of the opened LUKS container
	// RandomSwap: the swap partition is left for the host to encrypt with a
	// new key at each start, so it has a partition label only.
	RandomSwap bool
	Keymap     string
	User       string // who gets a home, or empty
	UID        int
	Home       string // as the installed system sees it
}

// place is where a device is now, as the names in a configuration go.
type place int

const (
	nowhere  place = iota
	onTarget       // on the disk that will be erased
	attached       // on another disk
)

// comparison collects what does not fit.
type comparison struct {
	made Made
	find func(reference) place
	// opened is the name under which the host opens the container that is made.
	opened string
	disko  bool // whose definitions only lib.mkForce overrides

	bad   []string // what does not fit, both sides named
	fixes []string // of each bad one
	notes []string // what the operator should know
	used  []reference
}

func (c *comparison) differs(fix, format string, args ...any) {
	c.bad = append(c.bad, fmt.Sprintf(format, args...))
	if !slices.Contains(c.fixes, fix) {
		c.fixes = append(c.fixes, fix)
	}
}

func (c *comparison) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// compare tells how a host's configuration and what will be made differ.
func compare(m Made, f *Facts, find func(reference) place) *comparison {
	c := &comparison{made: m, find: find, opened: f.opens(m), disko: f.Disko}
	c.fileSystems(f)
	c.luks(f)
	c.swap(f)
	c.resume(f)
	c.loader(f)
	c.keymap(f)
	c.user(f)
	return c
}

// option is a device option with the names that the installed disk answers to.
type option struct {
	name  string // of the option, fileSystems."/".device
	key   string // of host.toml, labels.root
	makes []reference
	fix   string // instead of another device; empty: that
}

var dir = map[kind]string{byLabel: "/dev/disk/by-label/", byPartLabel: "/dev/disk/by-partlabel/", byMapper: "/dev/mapper/"}

func (r reference) String() string { return dir[r.kind] + r.name }

// device compares one device with what is made, and notes the name in use.
func (c *comparison) device(o option, device string) bool {
	ref := refer(device)
	if slices.Contains(o.makes, ref) {
		c.used = append(c.used, ref)
		return true
	}
	fix := fmt.Sprintf("set %s = %s in the host's configuration", o.name, c.force(fmt.Sprintf("%q", o.makes[0])))
	why := ""
	switch {
	case device == "":
		c.differs(cmp.Or(o.fix, fix), "%s is not set; %s makes it %s", o.name, o.key, o.makes[0])
		return false
	case ref.kind == byUUID || ref.kind == byPartUUID:
		why = ": a UUID is new with every install"
	case ref.kind == byOther:
		why = ": that name may be another disk's at the next start"
	default:
		fix += ", or change " + o.key + " in host.toml"
	}
	if o.fix != "" {
		fix = o.fix
	}
	c.differs(fix, "%s is %q; %s makes it %s%s", o.name, device, o.key, o.makes[0], why)
	return false
}

// force is a value that overrides what is defined already.
func (c *comparison) force(value string) string {
	if c.disko {
		return "lib.mkForce " + value
	}
	return value
}

func (c *comparison) keymap(f *Facts) {
	switch {
	case f.Keymap == "":
		c.note("the host's configuration does not tell its console keymap")
	case f.Keymap == c.made.Keymap:
	case strings.Contains(f.Keymap, "/"):
		c.note("the host's console keymap is made by Nix (%s) and is not compared with %q, the installer's: try the passphrase's keys before you rely on it",
			f.Keymap, c.made.Keymap)
	case c.made.LUKS != "":
		c.differs(fmt.Sprintf("set keymap = %q in host.toml, or console.keyMap = %q in the host's configuration", f.Keymap, c.made.Keymap),
			"console.keyMap is %q; keymap makes it %q, and the passphrase is typed with both", f.Keymap, c.made.Keymap)
	default:
		c.note("console.keyMap is %q, and the installer's keymap is %q", f.Keymap, c.made.Keymap)
	}
}

func (c *comparison) user(f *Facts) {
	if c.made.User == "" || len(f.Users) == 0 {
		return
	}
	u, ok := f.Users[c.made.User]
	if !ok {
		c.differs(fmt.Sprintf("add users.users.%q to the host's configuration, or change targetUser in host.toml", c.made.User),
			"the host has no users.users.%q; targetUser gives it a home", c.made.User)
		return
	}
	if u.UID != nil && *u.UID != c.made.UID {
		c.differs(fmt.Sprintf("set targetUid = %d in host.toml", *u.UID),
			"users.users.%q.uid is %d; targetUid makes it %d", c.made.User, *u.UID, c.made.UID)
	}
	if other := f.takes(c.made); u.UID == nil && other != "" {
		c.differs(fmt.Sprintf("set users.users.%q.uid = %d in the host's configuration", c.made.User, c.made.UID),
			"users.users.%q.uid is not set, and %s; targetUid makes it %d, so its files could be another's", c.made.User, other, c.made.UID)
	}
	if u.Home != "" && u.Home != c.made.Home {
		c.differs(fmt.Sprintf("set users.users.%q.home = %q in the host's configuration, or leave targetUser out", c.made.User, c.made.Home),
			"users.users.%q.home is %q; targetUser makes it %q", c.made.User, u.Home, c.made.Home)
	}
}

// takes tells who may get the user's number if NixOS chooses it, as far as that
// can be known (nixpkgs: nixos/modules/config/update-users-groups.pl).
func (f *Facts) takes(m Made) string {
	if f.Users[m.User].Normal && m.UID != firstUID {
		return fmt.Sprintf("NixOS begins with %d", firstUID)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Users)) {
		switch u := f.Users[name]; {
		case name == m.User:
		case u.UID != nil && *u.UID == m.UID:
			return fmt.Sprintf("users.users.%q has %d", name, m.UID)
		case u.UID == nil && u.Normal && f.Users[m.User].Normal:
			return fmt.Sprintf("nor is that of users.users.%q", name)
		}
	}
	return ""
}

// firstUID is the first number of a normal user.
const firstUID = 1000
