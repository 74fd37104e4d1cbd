package newhost

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"auto-installer/steps/internal/sys"
)

// Two sets of a flake.nix list each host's installer by hand, where nothing
// else makes it of the folders of hosts/.
var (
	definitions = regexp.MustCompile(`\bnixosHostDefinitions\s*=\s*\{`)
	packages    = regexp.MustCompile(`\bpackages\.x86_64-linux\s*=\s*\{`)
	// made is a flake that needs no entry of its own for a new host.
	made = regexp.MustCompile(`\bmkInstallers\b`)
)

// flake drafts flake.nix with the host's installer, if it needs an entry and
// its shape is understood. Else the lines to add by hand are told.
func (o Options) flake(s sys.System) error {
	src, err := o.read("flake.nix")
	if err != nil {
		return err
	}
	masked, bad := mask(src)
	if bad == nil && made.Match(masked) || bytes.Contains(src, []byte(o.Host.TargetHost+"-installer")) {
		return nil
	}
	name := o.Host.TargetHost
	inDefinitions := []string{
		name + "-installer = {",
		`  system = "x86_64-linux";`,
		"  modules = [ ./hosts/" + name + "/installer.nix ];",
		"};",
	}
	inPackages := []string{name + "InstallerIso = self.nixosConfigurations." + name + "-installer.config.system.build.isoImage;"}
	edited, bad := insert(src, definitions, inDefinitions)
	if bad == nil {
		edited, bad = insert(edited, packages, inPackages)
	}
	if bad != nil {
		s.Warn("flake.nix is left as it is: " + bad.Error())
		s.Warn("if it does not make the installer of " + name + " by itself, add to nixosHostDefinitions: " + strings.Join(inDefinitions, " "))
		s.Warn("and to packages.x86_64-linux: " + inPackages[0])
		return nil //nolint:nilerr // it is told, and by hand it is soon done
	}
	s.Log("flake.nix gains  " + name + "-installer, " + name + "InstallerIso")
	o.Draft.files["flake.nix"] = file{data: edited}
	return nil
}

// insert puts lines at the end of a set, indented as it is.
func insert(src []byte, set *regexp.Regexp, lines []string) ([]byte, error) {
	masked, err := mask(src)
	if err != nil {
		return nil, err
	}
	name := strings.Trim(strings.NewReplacer(`\b`, "", `\s*`, " ", `\`, "").Replace(set.String()), " ={")
	all := set.FindAllIndex(masked, -1)
	if len(all) != 1 {
		return nil, fmt.Errorf("it has %d sets called %s", len(all), name)
	}
	end, depth := all[0][1], 1
	for ; end < len(masked); end++ {
		switch masked[end] {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth == 0 {
			break
		}
	}
	start := bytes.LastIndexByte(src[:end], '\n') + 1
	indent := string(src[start:end])
	if end == len(masked) || strings.TrimLeft(indent, " \t") != "" {
		return nil, fmt.Errorf("the end of %s does not stand on a line of its own", name)
	}
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(indent + "  " + l + "\n")
	}
	return bytes.Join([][]byte{src[:start], src[start:]}, []byte(text.String())), nil
}

// mask blanks out the comments and strings of a Nix file (Nix manual, "String
// literal", "Comments"). What is computed within strings goes with them.
func mask(src []byte) ([]byte, error) {
	out := bytes.Clone(src)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	for at := 0; at < len(src); {
		var end int
		var err error
		switch rest := src[at:]; {
		case rest[0] == '#':
			if n := bytes.IndexByte(rest, '\n'); n >= 0 {
				end = at + n
			} else {
				end = len(src)
			}
		case bytes.HasPrefix(rest, []byte("/*")):
			n := bytes.Index(rest[2:], []byte("*/"))
			if n < 0 {
				return nil, errors.New("a comment has no end")
			}
			end = at + 2 + n + 2
		case rest[0] == '"':
			end, err = stringEnd(src, at+1, `"`, `\`)
		case bytes.HasPrefix(rest, []byte("''")):
			end, err = stringEnd(src, at+2, "''", "''")
		default:
			at++
			continue
		}
		if err != nil {
			return nil, err
		}
		blank(at, end)
		at = end
	}
	return out, nil
}

// stringEnd is where a string ends that began before at. In one that is
// indented, ” also escapes what may follow it.
func stringEnd(src []byte, at int, quote, escape string) (int, error) {
	for at < len(src) {
		rest := src[at:]
		switch {
		case quote == "''" && (bytes.HasPrefix(rest, []byte("'''")) || bytes.HasPrefix(rest, []byte("''$"))):
			at += 3
		case quote == "''" && bytes.HasPrefix(rest, []byte(`''\`)):
			at += 4
		case bytes.HasPrefix(rest, []byte(quote)):
			return at + len(quote), nil
		case quote == `"` && bytes.HasPrefix(rest, []byte(escape)):
			at += 2
		case bytes.HasPrefix(rest, []byte("$${")):
			at += 3
		case bytes.HasPrefix(rest, []byte("${")):
			end, err := computed(src, at+2)
			if err != nil {
				return 0, err
			}
			at = end
		default:
			at++
		}
	}
	return 0, errors.New("a string has no end")
}

// computed is where ${ … } ends that began before at.
func computed(src []byte, at int) (int, error) {
	for depth := 1; at < len(src); {
		var err error
		switch rest := src[at:]; {
		case rest[0] == '"':
			at, err = stringEnd(src, at+1, `"`, `\`)
		case bytes.HasPrefix(rest, []byte("''")):
			at, err = stringEnd(src, at+2, "''", "''")
		case rest[0] == '{':
			depth, at = depth+1, at+1
		case rest[0] == '}':
			if depth, at = depth-1, at+1; depth == 0 {
				return at, nil
			}
		default:
			at++
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, errors.New("${ has no end")
}
