package newhost

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
	"auto-installer/secrets/nixtext"
)

const listed = `{
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

func drafted(t *testing.T, flake string) (*work, string) {
	t.Helper()
	w := Request{Host: hosts.Host{TargetHost: "vega"}}.work(t.TempDir())
	w.before["flake.nix"] = []byte(flake)
	if err := w.installers(t.Context(), sys.NewFake(t)); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for _, line := range w.flakeHand {
		said.WriteString(line.Place + ": " + line.Text + "\n")
	}
	return w, said.String()
}

func TestFlakeByHand(t *testing.T) {
	for what, newline := range map[string]string{"": "\n", "windows": "\r\n"} {
		w, said := drafted(t, strings.ReplaceAll(listed, "\n", newline))
		want := strings.Replace(listed, "        };\n      };\n    in", `        };
        vega-installer = {
          system = "x86_64-linux";
          modules = [ ./hosts/vega/installer.nix ];
        };
      };
    in`, 1)
		want = strings.Replace(want, "isoImage;\n", "isoImage;\n        vegaInstallerIso = self.nixosConfigurations.vega-installer.config.system.build.isoImage;\n", 1)
		if got := string(w.files["flake.nix"]); got != strings.ReplaceAll(want, "\n", newline) || said != "" {
			t.Errorf("%s: it is\n%s\nand says %s", what, got, said)
		}
	}
}

// Names that are not Nix identifiers are quoted, a longer name with the host's in it is
// not the host's, and the folder is that of --hosts-dir.
func TestFlakeNames(t *testing.T) {
	for host, also := range map[string]string{
		"3com": "", "nas": "bignas-installer = { };", "web": "# todo: web-installer\n", "auto": "x.auto-installer = { };", "in": "",
	} {
		w := Request{HostsDir: "nixos/hosts", Host: hosts.Host{TargetHost: host}}.work(t.TempDir())
		src := strings.Replace(listed, "ultraviolet = {", also+"ultraviolet = {", 1)
		src = strings.Replace(src, "outputs = { self, ", "inputs.auto-installer.url = \"x\";\n  outputs = { self, auto-installer, ", 1)
		w.before["flake.nix"] = []byte(src)
		if err := w.installers(t.Context(), sys.NewFake(t)); err != nil {
			t.Fatal(err)
		}
		got := string(w.files["flake.nix"])
		installer := nixtext.Name(host + "-installer")
		for _, want := range []string{
			"\n        " + installer + " = {\n", "./nixos/hosts/" + host + "/installer.nix ]",
			"\n        " + nixtext.Name(host+"InstallerIso") + " = self.nixosConfigurations." + installer + ".config",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", host, want, got)
			}
		}
	}
}

func TestFlakesOfOtherShapes(t *testing.T) {
	const made, both = "mkInstallers", "vega-installer = {"
	let := strings.Replace(listed, "packages.x86_64-linux = {\n        ultra", "packages = let base = { x86_64-linux = { }; }; in base // {\n        ultra", 1)
	for name, tt := range map[string]struct {
		flake   string
		changed bool
		says    string
	}{
		"made of the folders": {"{ outputs = { auto-installer, ... }: auto-installer.lib.mkInstallers { }; }\n", false, ""},
		"there already":       {strings.ReplaceAll(listed, "ultraviolet-installer", "vega-installer"), true, ""},
		"all there already":   {strings.ReplaceAll(strings.ReplaceAll(listed, "ultraviolet-installer", "vega-installer"), "ultravioletI", "vegaI"), false, ""},
		"quoted":              {strings.ReplaceAll(strings.ReplaceAll(listed, "ultraviolet-installer =", "\"vega-installer\" ="), "ultravioletI", "vegaI"), false, ""},
		"only in a comment":   {"{ # mkInstallers nixosHostDefinitions\n}\n", false, made},
		"neither":             {"{ outputs = _: { nixosConfigurations = { }; }; }\n", false, made},
		"no packages":         {strings.Replace(listed, "      packages.x86_64", "      legacyPackages.aarch64", 1), true, "packages.x86_64-linux: vegaInstallerIso = self"},
		"computed packages":   {let, true, "packages.x86_64-linux: vegaInstallerIso = self"},
		"two of them":         {strings.Replace(listed, "    in\n", "      nixosHostDefinitions = {\n      };\n    in\n", 1), true, both},
		"on one line":         {"{ nixosHostDefinitions = { }; packages.x86_64-linux = { }; }\n", true, ""},
		"nested":              {"{ nixosHostDefinitions = { }; packages = { x86_64-linux = { }; }; }\n", true, ""},
		"added to":            {"{ nixosHostDefinitions = { }; packages = let b = { }; in b // { x86_64-linux = b.x // { }; }; }\n", true, ""},
		"no end":              {listed[:strings.Index(listed, "    in\n")-10], false, both},
		"a string has no end": {listed + `"`, false, made},
		"a comment has none":  {listed + "/* ", false, made},
	} {
		t.Run(name, func(t *testing.T) {
			w, said := drafted(t, tt.flake)
			if f, changed := w.files["flake.nix"]; changed != tt.changed {
				t.Errorf("changed to\n%s", f)
			}
			if !strings.Contains(said, tt.says) || (tt.says == "") != (said == "") {
				t.Errorf("it says\n%s", said)
			}
		})
	}
}

// The shape of the flake decides what installer.nix holds.
func TestInstallerFile(t *testing.T) {
	w := Request{HostsDir: "nixos/hosts", Host: hosts.Host{TargetHost: "vega"}}.work(t.TempDir())
	put(t, w.repo, "modules/installer.nix", "{ }")
	for how, want := range map[shape]string{
		shapeFolders: "{ ... }:\n{\n}", shapeNone: "{ ... }:\n{\n}", shapeDefinitions: "imports = [ ../../../modules/installer.nix ]",
	} {
		if got := string(w.installer(how)); !strings.Contains(got, want) {
			t.Errorf("%v: it is\n%s", how, got)
		}
	}
}

func FuzzFlake(f *testing.F) {
	f.Add([]byte(listed))
	f.Add([]byte(`"${"}"}"`))
	f.Add([]byte("{nixosHostDefinitions={};packages={x86_64-linux=rec{};};}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		w := Request{Host: hosts.Host{TargetHost: "vega"}}.work("/nonexistent")
		edits := w.flakeEdits(src)
		if got := applied(src, edits); bytes.Equal(got, src) != !slices.ContainsFunc(edits, func(e flakeEdit) bool { return e.at > 0 }) {
			t.Errorf("%q became %q", src, got)
		}
	})
}

func TestJudgeFlake(t *testing.T) {
	old := qualified([]string{"a", "a-installer"}, []string{"aInstallerIso"})
	for name, tt := range map[string]struct {
		systems, images string
		image           bool
		wrong           string
	}{
		"both":           {"a a-installer nas-installer", "aInstallerIso nasInstallerIso", true, ""},
		"one":            {"a a-installer nas-installer", "aInstallerIso", false, ""},
		"no image":       {"a a-installer nas-installer", "aInstallerIso", true, "nasInstallerIso would be missing"},
		"no installer":   {"a a-installer", "aInstallerIso", false, "nas-installer would be missing"},
		"one is gone":    {"a-installer nas-installer", "aInstallerIso", false, "nixosConfigurations.a would be missing"},
		"another is new": {"a a-installer nas-installer x", "aInstallerIso", false, "nixosConfigurations.x would be new"},
		"image is gone":  {"a a-installer nas-installer", "nasInstallerIso", true, "aInstallerIso would be missing"},
		"image is new":   {"a a-installer nas-installer", "aInstallerIso default", false, "default would be new"},
	} {
		var edits []flakeEdit
		if tt.image {
			edits = []flakeEdit{{set: imagesIn, at: 1}}
		}
		err := judgeFlake("nas", old, qualified(strings.Fields(tt.systems), strings.Fields(tt.images)), edits)
		if (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s: %v, want %q", name, err, tt.wrong)
		}
	}
}

// qualified are names with their sets.
func qualified(systems, images []string) (all []string) {
	for _, name := range systems {
		all = append(all, systemsIn+"."+name)
	}
	for _, name := range images {
		all = append(all, imagesIn+"."+name)
	}
	return all
}
