package newhost

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/nixtext"
	"auto-installer/secrets"
	"auto-installer/steps/internal/sys"
)

// shape is how a flake.nix makes installers.
type shape int

const (
	shapeNone        shape = iota
	shapeFolders           // mkInstallers: of the folders of hosts
	shapeDefinitions       // nixosHostDefinitions and packages list each
)

// flakeEdit is what a flake.nix that lists each installer by hand gains.
type flakeEdit struct {
	set   string // where
	lines []string
	fits  bool // the text has one such set
	there bool // and that has it already
	at    int  // where the set ends
}

// setRange is a set in tokens: its brackets.
type setRange struct{ open, end int }

// setsIn finds the sets that are bound to a path anywhere: `a.b = { … }`, the
// same as sets within sets, and what ends with `// { … }`.
func setsIn(tokens []nixtext.Token, path ...string) (found []setRange) {
	for i := range tokens {
		found = append(found, setsAt(tokens, i, path)...)
	}
	return found
}

// setsAt are those whose binding starts at one token.
func setsAt(tokens []nixtext.Token, at int, path []string) (found []setRange) {
	if at > 0 && tokens[at-1].Is(".") || !isNamed(tokens[at], path[0]) || at+1 == len(tokens) {
		return nil
	}
	rest, next := path[1:], at+1
	for len(rest) > 0 && next+1 < len(tokens) && tokens[next].Is(".") && isNamed(tokens[next+1], rest[0]) {
		rest, next = rest[1:], next+2
	}
	if next >= len(tokens) || !tokens[next].Is("=") {
		return nil
	}
	end, err := nixtext.ValueEnd(tokens, next+1)
	if err != nil {
		return nil
	}
	set, ok := lastSet(tokens, next+1, end)
	if !ok {
		return nil
	}
	if len(rest) == 0 {
		return []setRange{set}
	}
	for i := set.open + 1; i < set.end; i++ { // its own bindings
		found = append(found, within(setsAt(tokens[set.open+1:set.end], i-set.open-1, rest), set.open+1)...)
		if last, err := nixtext.Close(tokens, i); opens(tokens[i]) && err == nil {
			i = last
		}
	}
	return found
}

func opens(t nixtext.Token) bool { return t.Is("{") || t.Is("${") || t.Is("[") || t.Is("(") }

// lastSet is the set that a value is, or that is added to it last.
func lastSet(tokens []nixtext.Token, start, end int) (setRange, bool) {
	for open := start; open < end; open++ {
		if !opens(tokens[open]) {
			continue
		}
		last, err := nixtext.Close(tokens, open)
		if err != nil {
			break
		}
		first := open == start || open == start+1 && tokens[start].IsIdent("rec")
		if tokens[open].Is("{") && last == end-1 && (first || tokens[open-1].Is("//")) {
			return setRange{open, last}, true
		}
		open = last
	}
	return setRange{}, false
}

func within(list []setRange, offset int) []setRange {
	for i := range list {
		list[i].open += offset
		list[i].end += offset
	}
	return list
}

func isNamed(t nixtext.Token, name string) bool {
	s, quoted := t.Plain()
	return t.IsIdent(name) || quoted && s == name
}

// namesIn are the first names of the bindings of a set.
func namesIn(tokens []nixtext.Token, set setRange) (names []string) {
	for i := set.open + 1; i < set.end; {
		end, err := nixtext.ValueEnd(tokens[:set.end], i)
		if err != nil {
			return names
		}
		if s, quoted := tokens[i].Plain(); quoted {
			names = append(names, s)
		} else if tokens[i].Kind == nixtext.Ident && !tokens[i].IsIdent("inherit") {
			names = append(names, tokens[i].Text)
		}
		i = end + 1
	}
	return names
}

// shapeOf tells how a flake.nix makes installers, as far as it says so itself.
func shapeOf(src []byte) shape {
	tokens, err := nixtext.Tokenize(src)
	if err != nil {
		return shapeNone
	}
	if slices.ContainsFunc(tokens, func(t nixtext.Token) bool { return t.IsIdent("mkInstallers") }) {
		return shapeFolders
	}
	if slices.ContainsFunc(tokens, func(t nixtext.Token) bool { return t.IsIdent("nixosHostDefinitions") }) {
		return shapeDefinitions
	}
	return shapeNone
}

// flakeEdits are what a flake.nix of shapeDefinitions gains.
func (o Options) flakeEdits(src []byte) []flakeEdit {
	name := o.Host.TargetHost
	installer, iso := nixtext.Name(name+"-installer"), nixtext.Name(name+"InstallerIso")
	edits := []flakeEdit{
		{set: "nixosHostDefinitions", lines: []string{
			installer + " = {",
			`  system = "x86_64-linux";`,
			"  modules = [ ./" + o.in("installer.nix") + " ];",
			"};",
		}},
		{set: "packages.x86_64-linux", lines: []string{
			iso + " = self.nixosConfigurations." + installer + ".config.system.build.isoImage;",
		}},
	}
	tokens, err := nixtext.Tokenize(src)
	if err != nil {
		return edits
	}
	for i, added := range []string{name + "-installer", name + "InstallerIso"} {
		if sets := setsIn(tokens, strings.Split(edits[i].set, ".")...); len(sets) == 1 {
			edits[i].fits, edits[i].at = true, tokens[sets[0].end].From
			edits[i].there = slices.Contains(namesIn(tokens, sets[0]), added)
		}
	}
	return edits
}

// applied is a flake.nix with those of the edits that fit.
func applied(src []byte, edits []flakeEdit) []byte {
	fitting := slices.DeleteFunc(slices.Clone(edits), func(e flakeEdit) bool { return !e.fits || e.there })
	slices.SortFunc(fitting, func(a, b flakeEdit) int { return b.at - a.at }) // from the end on
	for _, e := range fitting {
		src = nixtext.Before(src, e.at, e.lines...)
	}
	return src
}

// byHand are the lines of the edits that are not made, with their places.
func byHand(edits []flakeEdit) (lines []secrets.HandLine) {
	for _, e := range edits {
		if e.there || e.fits {
			continue
		}
		lines = append(lines, secrets.HandLine{Place: e.set, Text: strings.Join(e.lines, "\n")})
	}
	return lines
}

// callMkInstallers is how a flake that makes no installers makes them.
func (o Options) callMkInstallers() (lines []secrets.HandLine) {
	tokens, _ := nixtext.Tokenize(o.Draft.before["flake.nix"]) // of what is no Nix, none
	add := func(place, text string) { lines = append(lines, secrets.HandLine{Place: place, Text: text}) }
	if !slices.ContainsFunc(tokens, func(t nixtext.Token) bool { return isNamed(t, "auto-installer") }) {
		add("inputs", `auto-installer.url = "github:joshsymonds/auto-installer";`)
	}
	self, from := "self", "auto-installer"
	i := slices.IndexFunc(tokens, func(t nixtext.Token) bool { return t.IsIdent("outputs") })
	if i >= 0 && i+3 < len(tokens) && tokens[i+2].Kind == nixtext.Ident && tokens[i+3].Is(":") { // outputs = inputs: …
		self, from = tokens[i+2].Text+".self", tokens[i+2].Text+".auto-installer"
	} else if open := i + 2; i >= 0 && open < len(tokens) {
		if !tokens[open].Is("{") {
			open += 2 // outputs = inputs@{ … }: …
		}
		if end, err := nixtext.Close(tokens, min(open, len(tokens)-1)); err == nil {
			var lacks []string
			for _, name := range []string{"self", "auto-installer"} {
				if !slices.ContainsFunc(tokens[open:end], func(t nixtext.Token) bool { return t.IsIdent(name) }) {
					lacks = append(lacks, name+",")
				}
			}
			if len(lacks) > 0 {
				add("the start of the arguments of outputs", strings.Join(lacks, " "))
			}
		}
	}
	inherit := "inherit self;"
	if self != "self" {
		inherit = "self = " + self + ";"
	}
	call := "(" + from + ".lib.mkInstallers { " + inherit + o.hostsArgument() + " })"
	add("the end of nixosConfigurations", "// "+call+".nixosConfigurations")
	add("the end of packages.x86_64-linux", "// "+call+".packages.x86_64-linux")
	return lines
}

// hostsArgument is what mkInstallers must be told of the hosts' folder.
func (o Options) hostsArgument() string {
	if o.hosts() == "hosts" {
		return ""
	}
	return " hosts = ./" + o.hosts() + ";"
}

// installer is the host's installer.nix: a flake that lists each installer has
// the module itself, and it imports that; mkInstallers adds it to what is here.
func (o Options) installer(s shape) []byte {
	name := o.Host.TargetHost
	const module = "modules/installer.nix"
	_, err := os.Stat(filepath.Join(o.Repo, module))
	if up, bad := filepath.Rel(o.dir(), module); s == shapeDefinitions && err == nil && bad == nil {
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

// tell logs what a flake.nix gains.
func tell(s sys.System, edits []flakeEdit) {
	for _, e := range edits {
		if !e.fits || e.there {
			continue
		}
		for _, line := range e.lines {
			s.Log("flake.nix gains  " + strings.TrimSpace(line))
		}
	}
}
