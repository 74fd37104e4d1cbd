package newhost

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/secrets/nixtext"
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
	if name, formals := argumentsOf(tokens); name != "" {
		self, from = name+".self", name+".auto-installer"
	} else {
		var lacks []string
		for _, name := range []string{"self", "auto-installer"} {
			if formals != nil && !slices.ContainsFunc(formals, func(t nixtext.Token) bool { return t.IsIdent(name) }) {
				lacks = append(lacks, name+",")
			}
		}
		if len(lacks) > 0 {
			add("the start of the arguments of outputs", strings.Join(lacks, " "))
		}
	}
	inherit := "inherit self;"
	if self != "self" {
		inherit = "self = " + self + ";"
	}
	call := "(" + from + ".lib.mkInstallers { " + inherit + o.hostsArgument() + " })"
	for _, set := range []struct{ path, name string }{
		{"nixosConfigurations", o.Host.TargetHost + "-installer"},
		{"packages.x86_64-linux", o.Host.TargetHost + "InstallerIso"},
	} {
		value, member := call+"."+set.path, set.path+"."+nixtext.Name(set.name)
		how, below := bound(tokens, strings.Split(set.path, ".")...)
		switch how {
		case asWhole:
			add("the end of "+set.path, "// "+value)
		case byMember:
			add("where "+below+set.path+" has its members", below+member+" = "+call+"."+member+";")
		case notBound:
			if slices.ContainsFunc(tokens, func(t nixtext.Token) bool { return t.IsIdent("mkFlake") }) { // of flake-parts
				set.path = "flake." + set.path
				add("the module of mkFlake", set.path+" = "+value+";")
			} else {
				add("the set that outputs makes", set.path+" = "+value+";")
			}
		case otherwiseBound: // packages of all systems by a function; iso does without
		}
	}
	return lines
}

// argumentsOf are those of outputs: the name of all, as in `inputs: …`, or the
// tokens between the braces of `{ self, … }@inputs: …`; neither: it is no function
// that is understood.
func argumentsOf(tokens []nixtext.Token) (name string, formals []nixtext.Token) {
	for i, t := range tokens {
		if !t.IsIdent("outputs") || i+3 >= len(tokens) || !tokens[i+1].Is("=") {
			continue
		}
		first := i + 2
		if tokens[first].Kind == nixtext.Ident && tokens[first+1].Is(":") {
			return tokens[first].Text, nil
		}
		if tokens[first].Kind == nixtext.Ident && tokens[first+1].Is("@") {
			first += 2
		}
		if end, err := nixtext.Close(tokens, min(first, len(tokens)-1)); err == nil && tokens[first].Is("{") {
			return "", tokens[first : end+1]
		}
	}
	return "", nil
}

// binding is how a flake binds a path.
type binding int

const (
	notBound       binding = iota
	asWhole                // path = …;
	byMember               // path.member = …;
	otherwiseBound         // the first name alone
)

// bound tells how the first binding of a path binds it, and whether it does so
// below `flake.`, as flake-parts has it.
func bound(tokens []nixtext.Token, path ...string) (found binding, below string) {
	if len(setsIn(tokens, path...)) > 0 {
		return asWhole, ""
	}
	for i, t := range tokens {
		if i > 0 && !startsBinding(tokens, i) || !isNamed(t, path[0]) {
			continue
		}
		n, next := 1, i+1
		for next+1 < len(tokens) && tokens[next].Is(".") && n < len(path) && isNamed(tokens[next+1], path[n]) {
			n, next = n+1, next+2
		}
		switch {
		case next >= len(tokens):
		case n == len(path) && tokens[next].Is("="):
			return asWhole, ""
		case n == len(path) && tokens[next].Is("."):
			if i > 0 && tokens[i-1].Is(".") {
				below = "flake."
			}
			return byMember, below
		case tokens[next].Is("="):
			found = otherwiseBound
		}
	}
	return found, ""
}

// startsBinding tells whether a token is the first of a binding, or one of
// several below `flake.`, as flake-parts has them.
func startsBinding(tokens []nixtext.Token, i int) bool {
	before := tokens[i-1]
	return before.Is("{") || before.Is(";") || before.IsIdent("let") || before.Is(".") && tokens[max(0, i-2)].IsIdent("flake")
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
