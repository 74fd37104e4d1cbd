package newhost

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/sys"
	"auto-installer/secrets/keysnix"
	"auto-installer/secrets/nixtext"
)

// shape is how a flake.nix makes installers.
type shape int

const (
	shapeNone        shape = iota
	shapeFolders           // mkInstallers makes one of each host's folder
	shapeDefinitions       // nixosHostDefinitions and packages list each
)

// shapeOf finds out by the names that a flake.nix uses.
func shapeOf(src []byte) shape {
	tokens, err := nixtext.Tokenize(src)
	if err != nil {
		return shapeNone
	}
	uses := func(name string) bool {
		return slices.ContainsFunc(tokens, func(t nixtext.Token) bool { return t.IsIdent(name) })
	}
	switch {
	case uses("mkInstallers"):
		return shapeFolders
	case uses("nixosHostDefinitions"):
		return shapeDefinitions
	}
	return shapeNone
}

// flakeEdit is a binding that a flake.nix of shapeDefinitions lacks.
type flakeEdit struct {
	set   string // the set that lists such bindings
	name  string
	lines []string
	at    int // where the set ends; 0 if the text does not have exactly one
}

// flakeEdits are the host's installer and its image, unless they are there.
func (w *work) flakeEdits(src []byte) []flakeEdit {
	host := w.Host.TargetHost
	installer, image := host+"-installer", host+"InstallerIso"
	edits := []flakeEdit{
		{set: "nixosHostDefinitions", name: installer, lines: []string{
			nixtext.Name(installer) + " = {",
			`  system = "x86_64-linux";`,
			"  modules = [ ./" + w.in("installer.nix") + " ];",
			"};",
		}},
		{set: imagesIn, name: image, lines: []string{
			nixtext.Name(image) + " = self.nixosConfigurations." + nixtext.Name(installer) + ".config.system.build.isoImage;",
		}},
	}
	f, err := nixtext.Parse(src)
	if err != nil {
		return edits // all of them by hand
	}
	var lacking []flakeEdit
	for _, e := range edits {
		if sets := setsIn(f, e.set); len(sets) == 1 {
			if slices.Contains(members(f, sets[0]), e.name) {
				continue
			}
			e.at = sets[0].End()
		}
		lacking = append(lacking, e)
	}
	return lacking
}

// setsIn are the sets that a file binds to a path, anywhere in it.
func setsIn(f *nixtext.File, path string) (sets []nixtext.Attr) {
	for _, a := range f.Attrs {
		whole := strings.Join(a.Path, ".")
		if a.Set && (whole == path || strings.HasSuffix(whole, "."+path)) {
			sets = append(sets, a)
		}
	}
	return sets
}

// members are the names in a set.
func members(f *nixtext.File, set nixtext.Attr) (names []string) {
	for _, a := range f.Attrs {
		if n := len(set.Path); a.From > set.From && a.To < set.To && len(a.Path) > n && slices.Equal(a.Path[:n], set.Path) {
			names = append(names, a.Path[n])
		}
	}
	return names
}

// applied is a flake.nix with the edits that have a place.
func applied(src []byte, edits []flakeEdit) []byte {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b flakeEdit) int { return b.at - a.at }) // from the end on, so that no place moves
	for _, e := range edits {
		if e.at > 0 {
			src = nixtext.Before(src, e.at, e.lines...)
		}
	}
	return src
}

// draftFlake drafts the edits that have a place, and leaves the others to the user.
func (w *work) draftFlake(s sys.System, src []byte, edits []flakeEdit) {
	for _, e := range edits {
		if e.at == 0 {
			w.flakeHand = append(w.flakeHand, keysnix.HandLine{Place: e.set, Text: strings.Join(e.lines, "\n")})
			continue
		}
		for _, line := range e.lines {
			s.Log("flake.nix gains  " + strings.TrimSpace(line))
		}
	}
	if now := applied(src, edits); !bytes.Equal(now, src) {
		w.files["flake.nix"] = now
	}
}

// installer is the host's installer.nix. A flake that lists each installer has
// the module in its own tree, and the file imports that; mkInstallers adds it.
func (w *work) installer(s shape) []byte {
	name := w.Host.TargetHost
	const module = "modules/installer.nix"
	_, err := os.Stat(filepath.Join(w.repo, module))
	if up, bad := filepath.Rel(w.dir(), module); s == shapeDefinitions && err == nil && bad == nil {
		return fmt.Appendf(nil, `# The installer of %s; host.toml says what it makes.
{ lib, ... }:
{
  imports = [ %s ];
  autoInstaller = lib.importTOML ./host.toml;
}
`, name, up)
	}
	return fmt.Appendf(nil, `# What the installer medium of %s has beyond host.toml.
{ ... }:
{
}
`, name)
}

// callMkInstallers are the lines that make a flake without installers call
// mkInstallers.
func (w *work) callMkInstallers() (lines []keysnix.HandLine) {
	add := func(place, text string) { lines = append(lines, keysnix.HandLine{Place: place, Text: text}) }
	if !bytes.Contains(w.before["flake.nix"], []byte("auto-installer")) {
		add("inputs", `auto-installer.url = "github:joshsymonds/auto-installer";`)
	}
	add("the arguments of outputs, unless they are there,", "self, auto-installer,")
	for _, set := range []string{systemsIn, imagesIn} {
		add("the end of "+set, "// (auto-installer.lib.mkInstallers { inherit self;"+w.hostsArgument()+" })."+set)
	}
	return lines
}

// hostsArgument names the hosts' folder to mkInstallers.
func (w *work) hostsArgument() string {
	if w.HostsDir == "hosts" {
		return ""
	}
	return " hosts = ./" + w.HostsDir + ";"
}
