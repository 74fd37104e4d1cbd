// Package console lists and loads keymaps of the Linux console, switches consoles,
// and reads caps lock.
package console

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	loadable "auto-installer/internal/console/keymap"
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

// keymap is the name of a keymap's file (loadkeys(1)).
var keymap = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._@+-]*?)\.k?map(\.(gz|bz2|xz|zst))?$`)

// name is a keymap's name.
var name = loadable.Name

// elsewhere are folders without keymaps for this kind of machine: parts that
// keymaps include, and keyboards with key codes of their own.
var elsewhere = []string{"include", "amiga", "atari", "sun"}

// Keymaps lists the names of the console keymaps in the folders, by default in
// Dirs: sorted, each once. It ignores what it cannot read.
func Keymaps(dirs ...string) []string {
	if len(dirs) == 0 {
		dirs = Dirs
	}
	w := &walk{seen: map[string]bool{}}
	for _, d := range dirs {
		w.folder(d)
	}
	slices.Sort(w.found)
	return slices.Compact(w.found)
}

// walk walks through folders and follows links, which make up a NixOS profile. It
// enters each folder once, so that a loop of links ends.
type walk struct {
	found []string
	seen  map[string]bool
}

func (w *walk) folder(dir string) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil || w.seen[real] {
		return
	}
	w.seen[real] = true
	entries, _ := os.ReadDir(real)
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(real, e.Name()))
		switch {
		case err != nil:
		case info.IsDir():
			if !slices.Contains(elsewhere, e.Name()) {
				w.folder(filepath.Join(real, e.Name()))
			}
		case info.Mode().IsRegular():
			if m := keymap.FindStringSubmatch(e.Name()); m != nil && name.MatchString(m[1]) {
				w.found = append(w.found, m[1])
			}
		}
	}
}

// Load loads a keymap for all virtual consoles (loadkeys(1)). The error is a
// *sys.Fault.
func Load(ctx context.Context, s sys.System, keymap string) error {
	if !name.MatchString(keymap) {
		return sys.Faultf(sys.CodeUsage, "give a name such as us, de-latin1 or fr-bepo; `localectl list-keymaps` lists them",
			"%q is not the name of a keymap", sys.Clean(keymap))
	}
	err := s.Run(ctx, sys.Cmd{Does: "load the keymap", Argv: []string{"loadkeys", keymap}})
	if err != nil {
		return sys.WithHint(err, sys.CodeMachine,
			"choose another keymap, or keep the current one; loadkeys works only on the machine's own console",
			"loading the keymap "+keymap)
	}
	return nil
}
