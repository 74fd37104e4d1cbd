package newhost

import (
	"slices"
	"strings"

	"auto-installer/secrets/keysnix"
	"auto-installer/secrets/nixtext"
)

// callMkInstallers are the lines that make a flake without installers call
// mkInstallers, in terms of its own arguments and bindings.
func (o Options) callMkInstallers() (lines []keysnix.HandLine) {
	src := o.Draft.before["flake.nix"]
	tokens, _ := nixtext.Tokenize(src) // what cannot be read has no names
	f, err := nixtext.Parse(src)
	if err != nil {
		f = &nixtext.File{}
	}
	add := func(place, text string) { lines = append(lines, keysnix.HandLine{Place: place, Text: text}) }
	if !slices.ContainsFunc(tokens, func(t nixtext.Token) bool { return isNamed(t, "auto-installer") }) {
		add("inputs", `auto-installer.url = "github:joshsymonds/auto-installer";`)
	}
	call := "auto-installer.lib.mkInstallers { inherit self;"
	switch args := arguments(f); {
	case len(args) == 1: // outputs = inputs: …
		call = args[0].Text + ".auto-installer.lib.mkInstallers { self = " + args[0].Text + ".self;"
	case len(args) > 1: // outputs = { self, … }: …
		var lacks []string
		for _, name := range []string{"self", "auto-installer"} {
			if !slices.ContainsFunc(args, func(t nixtext.Token) bool { return t.IsIdent(name) }) {
				lacks = append(lacks, name+",")
			}
		}
		if len(lacks) > 0 {
			add("the start of the arguments of outputs", strings.Join(lacks, " "))
		}
	}
	call = "(" + call + o.hostsArgument() + " })"
	for _, set := range []struct{ path, name string }{
		{"nixosConfigurations", o.Host.TargetHost + "-installer"},
		{"packages.x86_64-linux", o.Host.TargetHost + "InstallerIso"},
	} {
		member := set.path + "." + nixtext.Name(set.name)
		switch how, below := bound(f, strings.Split(set.path, ".")); {
		case how == asWhole:
			add("the end of "+set.path, "// "+call+"."+set.path)
		case how == byMember:
			add("where "+below+set.path+" has its members", below+member+" = "+call+"."+member+";")
		case how == asPart: // a function makes packages of all systems; iso works without
		case slices.ContainsFunc(tokens, func(t nixtext.Token) bool { return t.IsIdent("mkFlake") }): // of flake-parts
			add("the module of mkFlake", "flake."+set.path+" = "+call+"."+set.path+";")
		default:
			add("the set that outputs makes", set.path+" = "+call+"."+set.path+";")
		}
	}
	return lines
}

// arguments are the tokens before the colon of the function outputs.
func arguments(f *nixtext.File) []nixtext.Token {
	for _, a := range f.Attrs {
		if i := slices.IndexFunc(a.Value, func(t nixtext.Token) bool { return t.Is(":") }); a.Last() == "outputs" && i > 0 {
			return a.Value[:i]
		}
	}
	return nil
}

// binding is how a flake binds a path.
type binding int

const (
	notBound binding = iota
	asWhole          // path = …;
	byMember         // path.member = …;
	asPart           // the start of the path = something other than a set
)

// bound finds the first binding of a path, and the prefix `flake.` of those that
// flake-parts reads.
func bound(f *nixtext.File, path []string) (how binding, prefix string) {
	for _, a := range f.Attrs {
		own, below := a.Path, ""
		if own[0] == "flake" && len(own) > 1 {
			own, below = own[1:], "flake."
		}
		n := min(len(own), len(path))
		if !slices.Equal(own[:n], path[:n]) {
			continue
		}
		switch {
		case len(own) == len(path):
			return asWhole, below
		case len(own) > len(path):
			return byMember, below
		case !a.Set:
			how = asPart
		}
	}
	return how, ""
}

func isNamed(t nixtext.Token, name string) bool {
	s, quoted := t.Plain()
	return t.IsIdent(name) || quoted && s == name
}

// hostsArgument names the hosts' folder to mkInstallers.
func (o Options) hostsArgument() string {
	if o.hosts() == "hosts" {
		return ""
	}
	return " hosts = ./" + o.hosts() + ";"
}
