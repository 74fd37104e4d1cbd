package newhost

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/steps/internal/sys"
)

const byHand = `{
  # nixosHostDefinitions = { }; is below
  outputs = { self, nixpkgs, ... }@inputs:
    let
      text = "packages.x86_64-linux = {";
      more = ''
        nixosHostDefinitions = { ${if true then "}" else "''"} '''
      '';
      nixosHostDefinitions = {
        ultraviolet = { system = "x86_64-linux"; modules = [ ./hosts/ultraviolet ]; };
        ultraviolet-installer = {
          system = "x86_64-linux";
          modules = [ ./hosts/ultraviolet/installer.nix ];
        };
      };
    in
    {
      packages.x86_64-linux = {
        ultravioletInstallerIso = self.nixosConfigurations.ultraviolet-installer.config.system.build.isoImage;
      };
    };
}
`

func drafted(t *testing.T, flake string) (Options, *sys.Fake) {
	t.Helper()
	o := Options{Repo: t.TempDir(), Host: hosts.Host{TargetHost: "vega"}, Draft: NewDraft()}
	if err := os.WriteFile(filepath.Join(o.Repo, "flake.nix"), []byte(flake), 0o600); err != nil {
		t.Fatal(err)
	}
	f := sys.NewFake(t)
	if err := o.flake(f); err != nil {
		t.Fatal(err)
	}
	return o, f
}

func TestFlakeByHand(t *testing.T) {
	o, _ := drafted(t, byHand)
	want := strings.Replace(byHand, "        };\n      };\n    in", `        };
        vega-installer = {
          system = "x86_64-linux";
          modules = [ ./hosts/vega/installer.nix ];
        };
      };
    in`, 1)
	want = strings.Replace(want, "isoImage;\n", "isoImage;\n        vegaInstallerIso = self.nixosConfigurations.vega-installer.config.system.build.isoImage;\n", 1)
	if got := string(o.Draft.files["flake.nix"].data); got != want {
		t.Errorf("it is\n%s", got)
	}
}

func TestFlakesLeftAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		flake string
		warns bool
	}{
		"made of the folders": {"{ outputs = { auto-installer, ... }: auto-installer.lib.mkInstallers { }; }\n", false},
		"there already":       {strings.ReplaceAll(byHand, "ultraviolet-installer", "vega-installer"), false},
		"only in a comment":   {"{ # mkInstallers\n}\n", true},
		"no packages":         {strings.Replace(byHand, "      packages.x86_64", "      legacyPackages.aarch64", 1), true},
		"two of them":         {strings.Replace(byHand, "    in\n", "      nixosHostDefinitions = {\n      };\n    in\n", 1), true},
		"on one line":         {"{ nixosHostDefinitions = { }; packages.x86_64-linux = { }; }\n", true},
		"no end":              {byHand[:strings.Index(byHand, "    in\n")-10], true},
		"a string has no end": {byHand + `"`, true},
		"a comment has none":  {byHand + "/* ", true},
	} {
		t.Run(name, func(t *testing.T) {
			o, f := drafted(t, tt.flake)
			if _, changed := o.Draft.files["flake.nix"]; changed {
				t.Errorf("changed to\n%s", o.Draft.files["flake.nix"].data)
			}
			said := strings.Join(f.Logged, "\n")
			if warned := strings.Contains(said, "vega-installer = {"); warned != tt.warns {
				t.Errorf("it says\n%s", said)
			}
		})
	}
}

func FuzzMask(f *testing.F) {
	f.Add([]byte(byHand))
	f.Add([]byte(`"${"}"}"`))
	f.Fuzz(func(t *testing.T, src []byte) {
		out, err := mask(src)
		if err != nil {
			return
		}
		if len(out) != len(src) || bytes.Count(out, []byte("\n")) != bytes.Count(src, []byte("\n")) {
			t.Errorf("%q became %q", src, out)
		}
		for i, c := range out {
			if c != ' ' && c != src[i] {
				t.Errorf("byte %d of %q became %q", i, src, c)
			}
		}
		if edited, err := insert(src, definitions, []string{"x = 1;"}); err == nil && len(edited) <= len(src) {
			t.Errorf("%q became %q", src, edited)
		}
	})
}
