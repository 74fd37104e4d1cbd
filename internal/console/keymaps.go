// Package console lists and loads keymaps of the Linux console, switches consoles,
// and reads caps lock.
package console

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"auto-installer/internal/console/keymap"
	"auto-installer/internal/sys"
)

// Dirs is where kbd looks for keymaps: NixOS (nixos/modules/config/console.nix
// links /etc/kbd), Debian, Arch, Fedora.
var Dirs = []string{
	"/etc/kbd/keymaps",
	"/run/current-system/sw/share/keymaps",
	"/run/current-system/sw/share/kbd/keymaps",
	"/usr/share/keymaps",
	"/usr/share/kbd/keymaps",
	"/usr/lib/kbd/keymaps",
}

// file is the name of a keymap's file (loadkeys(1)).
var file = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._@+-]*?)\.k?map(\.(gz|bz2|xz|zst))?$`)

// elsewhere are folders without keymaps for this kind of machine: parts that
// keymaps include, and keyboards with key codes of their own.
var elsewhere = []string{"include", "amiga", "atari", "sun"}

// Keymaps lists the names of the console keymaps in the folders: sorted, each once.
// It follows links, which make up a NixOS profile, and ignores what it cannot read.
func Keymaps(folders ...string) []string {
	var found []string
	seen := map[string]bool{} // so that a loop of links ends
	for ; len(folders) > 0; folders = folders[1:] {
		dir, err := filepath.EvalSymlinks(folders[0])
		if err != nil || seen[dir] {
			continue
		}
		seen[dir] = true
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			info, err := os.Stat(filepath.Join(dir, e.Name()))
			switch {
			case err != nil:
			case info.IsDir() && !slices.Contains(elsewhere, e.Name()):
				folders = append(folders, filepath.Join(dir, e.Name()))
			case info.Mode().IsRegular():
				if m := file.FindStringSubmatch(e.Name()); m != nil && keymap.Name.MatchString(m[1]) {
					found = append(found, m[1])
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Load loads a keymap for all virtual consoles (loadkeys(1)). The error is a
// *sys.Fault.
func Load(ctx context.Context, s sys.System, name string) error {
	if !keymap.Name.MatchString(name) {
		return sys.Faultf(sys.CodeUsage, "give a name such as us, de-latin1 or fr-bepo; `localectl list-keymaps` lists them",
			"%q is not the name of a keymap", sys.Clean(name))
	}
	err := s.Run(ctx, sys.Cmd{Does: "load the keymap", Argv: []string{"loadkeys", name}})
	if err != nil {
		return sys.WithHint(err, sys.CodeMachine,
			"choose another keymap, or keep the current one; loadkeys works only on the machine's own console",
			"loading the keymap "+name)
	}
	return nil
}
