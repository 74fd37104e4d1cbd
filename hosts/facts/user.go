package facts

import (
	"fmt"
	"strings"
)

func (c *Comparison) keymap() {
	theirs, ours := c.facts.Keymap, c.made.Keymap
	switch {
	case theirs == "":
		c.Note("the host's configuration does not say which console keymap it uses")
	case theirs == ours:
	case strings.Contains(theirs, "/"):
		c.Note("Nix makes the host's console keymap (%s), so it is not compared with %q, the installer's: try the passphrase's keys before you rely on it",
			theirs, ours)
	case c.made.LUKS.Enable:
		c.Differs(fmt.Sprintf("set keymap = %q in host.toml, or console.keyMap = %q in the host's configuration", theirs, ours),
			"console.keyMap is %q; keymap makes it %q, and you type the passphrase with both", theirs, ours)
	default:
		c.Note("console.keyMap is %q, and the installer's keymap is %q", theirs, ours)
	}
}

func (c *Comparison) user() {
	users, own, id := c.facts.Users, c.made.TargetUser, c.made.TargetUID
	if own == "" || own == "root" || len(users) == 0 {
		return
	}
	name, home := fmt.Sprintf("users.users.%q", own), "/home/"+own
	u, ok := users[own]
	if !ok {
		c.Differs(fmt.Sprintf("add %s to the host's configuration, or change targetUser in host.toml", name),
			"the host has no %s; targetUser gives it a home", name)
		return
	}
	if u.UID != nil && *u.UID != id {
		c.Differs(fmt.Sprintf("set targetUid = %d in host.toml", *u.UID), "%s.uid is %d; targetUid makes it %d", name, *u.UID, id)
	}
	if rival := c.rival(); u.UID == nil && rival != "" {
		c.Differs(fmt.Sprintf("set %s.uid = %d in the host's configuration", name, id),
			"%s.uid is not set, and %s; targetUid makes it %d, so its files could belong to another user", name, rival, id)
	}
	if u.Home != "" && u.Home != home {
		c.Differs(fmt.Sprintf("set %s.home = %q in the host's configuration, or leave targetUser out", name, home),
			"%s.home is %q; targetUser makes it %q", name, u.Home, home)
	}
}

// firstUID is the first number of a normal user.
const firstUID = 1000

// rival says why the user may not get the number targetUid if NixOS chooses
// it, as far as that can be known
// (nixpkgs: nixos/modules/config/update-users-groups.pl).
func (c *Comparison) rival() string {
	users, isNormal := c.facts.Users, c.facts.Users[c.made.TargetUser].Normal
	if isNormal && c.made.TargetUID != firstUID {
		return fmt.Sprintf("NixOS begins with %d", firstUID)
	}
	for _, name := range sortedNames(users) {
		switch u := users[name]; {
		case name == c.made.TargetUser:
		case u.UID != nil && *u.UID == c.made.TargetUID:
			return fmt.Sprintf("users.users.%q has %d", name, c.made.TargetUID)
		case u.UID == nil && u.Normal && isNormal:
			return fmt.Sprintf("neither is that of users.users.%q", name)
		}
	}
	return ""
}
