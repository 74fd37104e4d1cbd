package newhost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/internal/nix/nixtest"
	"auto-installer/internal/sys"
	"auto-installer/secrets/keysnix"
	"auto-installer/secrets/nixtext"
)

// madeUp is a repo in a style that authors use, and its author's knowledge of it.
type madeUp struct {
	style  string
	host   string // the new one
	known  []string
	keys   string // keys.nix; empty: the keys stand in rules
	rules  string
	flake  string
	shape  shape
	hosts  []string // keys that are hosts' own
	shared []string // hosts' keys that each other host's entry has
	all    []string // values and rules that name all hosts
	must   bool     // a person would be annoyed if it were not edited
}

// author writes repos at random.
type author struct{ *rand.Rand }

func (a author) pick(of ...string) string { return of[a.IntN(len(of))] }
func (a author) maybe() bool              { return a.IntN(2) == 0 }

func key(name string) string { return "age1" + name }

// names are existing hosts.
func (a author) names() []string {
	return []string{"web", "db", "nas-old", "w3"}[:1+a.IntN(4)]
}

func (a author) set(indent string, names []string) string {
	var text strings.Builder
	for _, n := range names {
		fmt.Fprintf(&text, "%s  %s = \"%s\";%s\n", indent, n, key(n), a.pick("", "", " # of "+n+" { nas"))
	}
	return text.String()
}

func quoted(names []string) (list []string) {
	for _, n := range names {
		list = append(list, key(n))
	}
	return list
}

// repo writes one.
func (a author) repo() madeUp {
	m := madeUp{host: a.pick("nas", "nas", "3com", "auto", "in", "map", "a-b", "or")}
	names := a.names()
	m.hosts = quoted(names)
	var rules []string
	rule := func(expr string, all bool) {
		file := fmt.Sprintf("s%d.age", len(rules))
		rules = append(rules, fmt.Sprintf("  \"%s\".publicKeys = %s;\n", file, expr))
		if all {
			m.all = append(m.all, file)
		}
	}
	styles := []func(){
		func() { // the seed's kind
			m.style, m.must = "hosts, users, entries", true
			m.keys = a.entries(names, a.pick("hosts", "hosts", "machines", "systems"))
			for _, n := range names {
				rule("keys."+n, false)
			}
			rule("keys.me", false)
			if strings.Contains(m.keys, " everything = ") {
				rule("keys.everything", true)
				m.all = append(m.all, "everything")
			}
			if strings.Contains(m.keys, " some = ") {
				rule("keys.some", false)
			}
		},
		func() { // sets alone
			m.style, m.must = "sets of keys", true
			m.keys = "{\n  hosts = {\n" + a.set("  ", names) + "  };\n  users = {\n    me = \"age1me\";\n  };\n}\n"
			rule("[ keys.hosts."+names[0]+" keys.users.me ]", false)
			rule("builtins.attrValues keys.hosts ++ [ keys.users.me ]", true)
		},
		func() { // one flat set
			m.style, m.must = "flat keys", true
			m.keys = "{\n" + a.set("", names) + "}\n"
			rule("[ keys."+names[0]+" ]", false)
			if len(names) > 1 && a.maybe() {
				m.known = names
				rule("builtins.attrValues keys", true)
			}
		},
		func() { // the keys of one host
			m.style = "flat roles"
			m.keys = "{\n  system = \"age1web\";\n  admin = \"age1me\";\n}\n"
			m.hosts = []string{"age1web"}
			rule("builtins.attrValues keys", false)
		},
		func() {
			m.style, m.must = "flat lists", true
			me := a.maybe()
			m.keys = "{\n"
			for _, n := range names {
				m.keys += fmt.Sprintf("  \"%s\" = [\n    \"%s\"\n    \"age1me\"\n%s  ];\n", n, key(n), a.pick("", "    \"age1you\"\n"))
			}
			if me {
				m.keys += "  \"me\" = [ \"age1me\" ];\n"
			}
			m.keys += "}\n"
			m.must = strings.Count(m.keys, "age1you")%len(names) == 0 && len(names) > 1
			for _, n := range names {
				rule("keys."+n, false)
			}
		},
		func() {
			m.style = "a set for each host"
			m.keys = "{\n"
			for _, n := range names {
				m.keys += fmt.Sprintf("  %s = { system = \"%s\"; admin = \"age1me\"; };\n", n, key(n))
				rule(a.pick("builtins.attrValues keys."+n, "[ keys."+n+".system ]"), false)
			}
			m.keys += "}\n"
		},
		func() {
			m.style = "a host called servers"
			m.keys = "{\n  servers = {\n    box = \"age1web\";\n    mine = \"age1me\";\n  };\n  web = \"age1w\";\n}\n"
			m.known, m.hosts = []string{"servers", "web"}, []string{"age1web", "age1w"}
			rule("builtins.attrValues keys.servers", false)
		},
		func() {
			m.style = "lists in the let"
			m.keys = "let\n  me = [ \"ssh-ed25519 a\" \"ssh-ed25519 b\" ];\n"
			for _, n := range names {
				m.keys += fmt.Sprintf("  %s = \"%s\";\n", n, key(n))
			}
			m.keys += "in {\n  users = me;\n  hosts = [ " + strings.Join(names, " ") + " ];\n}\n"
			m.all = append(m.all, "hosts")
			rule("keys.hosts ++ keys.users", true)
			rule("keys.users", false)
		},
		func() {
			m.style, m.must = "keys in the let, entries", len(names) > 1
			m.keys = "let\n"
			for _, n := range names {
				m.keys += fmt.Sprintf("  %s = \"%s\";\n", n, key(n))
			}
			m.keys += "  me = \"age1me\";\nin {\n"
			for _, n := range names {
				m.keys += fmt.Sprintf("  %s = [ %s me ];\n", n, n)
				rule("keys."+n, false)
			}
			m.keys += "}\n"
			m.must = m.must && nixtext.IsName(m.host)
		},
		func() {
			m.style, m.must = "one that opens others", len(names) > 2
			hosts := append(slices.Clone(names), "monitor")
			m.hosts = quoted(hosts)
			m.keys = "let\n  hosts = {\n" + a.set("  ", hosts) + "  };\n  me = \"age1me\";\nin {\n"
			for _, n := range hosts {
				others := ""
				if n == "monitor" {
					for _, o := range names {
						others += "hosts." + o + " "
					}
				}
				m.keys += fmt.Sprintf("  %s = [ hosts.%s %sme ];\n", n, n, others)
				rule("keys."+n, false)
			}
			m.keys += "}\n"
		},
		func() {
			m.style, m.must = "one that opens all", true
			hosts := append(slices.Clone(names), "backup")
			m.hosts, m.shared = quoted(hosts), []string{"age1backup"}
			m.keys = "let\n  hosts = {\n" + a.set("  ", hosts) + "  };\n  users = { me = \"age1me\"; };\nin {\n"
			for _, n := range names {
				m.keys += fmt.Sprintf("  %s = [ hosts.%s hosts.backup users.me ];\n", n, n)
				rule("keys."+n, false)
			}
			m.keys += "  backup = [ hosts.backup users.me ];\n}\n"
			rule("keys.backup", false)
		},
		func() {
			m.style = "computed"
			m.keys = "let\n  hosts = {\n" + a.set("  ", names) + "  };\nin\n" + a.pick(
				"hosts // { me = \"age1me\"; }\n",
				"builtins.mapAttrs (_: k: [ k \"age1me\" ]) hosts\n",
				"{ inherit hosts; by = builtins.mapAttrs (_: k: [ k \"age1me\" ]) hosts; }\n",
				"if true then { x = hosts."+names[0]+"; } else { }\n",
				"rec { inherit hosts; everything = builtins.attrValues hosts; }\n",
				"builtins.listToAttrs (map (n: { name = \"host-${n}\"; value = hosts.${n}; }) (builtins.attrNames hosts))\n",
				"{ web = hosts.web; not-web = builtins.attrValues (removeAttrs hosts [ \"web\" ]); }\n")
			m.all = append(m.all, "everything")
			rule("[ \"age1me\" ]", false)
			if strings.Contains(m.keys, "not-web") {
				rule("keys.not-web ++ [ \"age1me\" ]", false)
			}
		},
		func() {
			m.style = "two sets of hosts"
			m.keys = "let\n  hosts = {\n" + a.set("  ", names) + "  };\n  servers = { s1 = \"age1s1\"; };\nin {\n"
			m.hosts = append(m.hosts, "age1s1")
			for _, n := range names {
				m.keys += fmt.Sprintf("  %s = [ hosts.%s servers.s1 ];\n", n, n)
				rule("keys."+n, false)
			}
			m.keys += "}\n"
		},
		func() {
			m.style = "no keys.nix, keys in the let"
			m.rules = "let\n  user1 = \"age1me\";\n"
			for _, n := range names {
				m.rules += fmt.Sprintf("  %s = \"%s\";\n", n, key(n))
			}
			m.rules += "  systems = [ " + strings.Join(names, " ") + " ];\nin\n{\n"
			rule("[ user1 "+names[0]+" ]", false)
			rule("[ user1 ] ++ systems", true)
			m.all = append(m.all, "systems")
		},
		func() {
			m.style, m.must = "no keys.nix, a set in the let", true
			set := a.pick("hosts", "systems", "machines")
			m.rules = "let\n  users = { me = \"age1me\"; };\n  " + set + " = {\n" + a.set("  ", names) + "  };\n  everything = builtins.attrValues " + set + ";\nin\n{\n"
			m.all = append(m.all, "everything")
			rule("[ users.me "+set+"."+names[0]+" ]", false)
			rule("[ users.me ] ++ everything", true)
		},
		func() {
			m.style = "no keys.nix, one host's set in the let"
			m.rules = "let\n  web = {\n    system = \"age1web\";\n    admin = \"age1me\";\n  };\nin\n{\n"
			m.hosts = []string{"age1web"}
			rule("builtins.attrValues web", false)
		},
		func() {
			m.style = "no keys.nix, no let"
			m.rules = "{\n"
			rule("[ \"age1me\" \""+key(names[0])+"\" ]", false)
		},
	}
	styles[a.IntN(len(styles))]()
	if m.keys != "" {
		m.rules = "let keys = import ./keys.nix; in {\n"
	}
	m.rules += strings.Join(rules, "") + "}\n"
	a.flake(&m, names)
	if a.IntN(6) == 0 {
		for _, text := range []*string{&m.keys, &m.rules, &m.flake} {
			*text = strings.ReplaceAll(*text, "\n", "\r\n")
		}
	}
	if a.IntN(8) == 0 && !strings.Contains(m.keys, "#") { // all on one line
		m.keys = strings.Join(strings.Fields(m.keys), " ")
	}
	return m
}

// entries is a keys.nix with a set of hosts, people and an entry of each host.
func (a author) entries(names []string, set string) string {
	own := a.maybe() // each host has a person of its own
	text := "# who may read what: nas, web-installer\nlet\n  " + set + " = {\n" + a.set("  ", names) + "  };\n  users = {\n    me = \"age1me\";\n"
	if own {
		for _, n := range names {
			text += fmt.Sprintf("    \"me@%s\" = \"age1me-%s\";\n", n, n)
		}
	}
	text += "  };\n  allUsers = builtins.attrValues users;\n"
	text += a.pick("in {\n", "in rec {\n", "in\n{\n")
	rest := a.pick("", " ++ allUsers")
	for _, n := range names {
		person := "users.me"
		if own {
			person = fmt.Sprintf("users.\"me@%s\"", n)
		}
		if rest != "" {
			person = ""
		}
		text += a.pick(fmt.Sprintf("  %s = [%s.%s %s]%s;\n", n, set, n, person, rest), fmt.Sprintf("  %s = [\n    %s.%s # own\n    %s\n  ]%s;\n", n, set, n, person, rest))
	}
	text += "  me = allUsers;\n"
	if a.maybe() {
		text += "  everything = builtins.attrValues " + set + ";\n"
	}
	if len(names) > 2 {
		text += "  some = [ " + set + ".web " + set + ".db ];\n"
	}
	return text + "}\n"
}

// flake writes one with comments where a person would add lines.
func (a author) flake(m *madeUp, names []string) {
	installers := func(indent string) (text string) {
		for _, n := range names {
			text += fmt.Sprintf("%s%s-installer = {\n%s  system = \"x86_64-linux\";\n%s};\n", indent, n, indent, indent)
		}
		return text + indent + a.pick("", "big"+m.host+"-installer = { }; # todo: "+m.host+"-installer") + "\n"
	}
	isos := func(indent string) (text string) {
		for _, n := range names {
			text += fmt.Sprintf("%s%sInstallerIso = self.nixosConfigurations.%s-installer.config.system.build.isoImage;\n", indent, n, n)
		}
		return text
	}
	mk := "nixosConfigurations = builtins.mapAttrs (_: c: c // { config.system.build.isoImage = \"iso\"; }) nixosHostDefinitions;\n"
	definitions := "  outputs = { self, ... }@inputs: let\n    nixosHostDefinitions = {\n" + installers("      ") + "      # definitions\n    };\n  in {\n    " + mk
	switch a.IntN(6) {
	case 0:
		m.shape = shapeFolders
		m.flake = "{\n  outputs = { self, auto-installer, ... }: {\n    inherit (auto-installer.lib.mkInstallers { inherit self; }) nixosConfigurations packages;\n  };\n}\n"
	case 1:
		m.shape = shapeNone
		args := a.pick("{ self, nixpkgs }:", "{ nixpkgs, ... }:", "inputs:", "inputs@{ self, ... }:", "{ self, auto-installer, ... }:")
		m.flake = "{\n  inputs = {\n    nixpkgs.url = \"x\";\n    # inputs\n  };\n  outputs = " + args + " {\n    nixosConfigurations = {\n      web = { };\n    } /* systems */;\n    packages.x86_64-linux = { x = 1; } /* images */;\n  };\n}\n"
	case 2:
		m.shape = shapeDefinitions
		m.flake = "{\n" + definitions + "    packages.x86_64-linux = {\n" + isos("      ") + "      # images\n    };\n  };\n}\n"
	case 3:
		m.shape = shapeDefinitions
		m.flake = "{\n" + definitions + "    packages = {\n      x86_64-linux = {\n" + isos("        ") + "        # images\n      };\n    };\n  };\n}\n"
	case 4: // the seed's
		m.shape = shapeDefinitions
		m.flake = "{\n" + definitions + "    packages = let\n      base = { x86_64-linux = { y = 1; }; };\n    in\n      base\n      // {\n        x86_64-linux =\n          base.x86_64-linux\n          // {\n" + isos("            ") + "            # images\n          };\n      };\n  };\n}\n"
	case 5: // the text does not show where the image belongs
		m.shape = shapeDefinitions
		m.flake = "{\n" + definitions + "    packages = builtins.listToAttrs [ {\n      name = \"x86_64-linux\";\n      value = {\n" + isos("        ") + "        # images\n      };\n    } ];\n  };\n}\n"
	}
}

const newKey = "age1m7k7zu7r7xtvhc3rfdhmykjp3m7z93jrs36yw9m9p6vc9wh0xfvqdggnle"

// evaluated is nix' value of one variant of a repo.
type evaluated struct {
	Keys, Scope any
	Rules       map[string][]string
	Systems     []string
	Images      []string
}

func (e evaluated) meaning() keysnix.Meaning {
	return keysnix.Meaning{Keys: e.Keys, Scope: e.Scope, Rules: e.Rules}
}

// variants are files to evaluate, all at once: nix starts slowly.
type variants struct {
	t    *testing.T
	dir  string
	n    int
	byID map[string]int // by content
}

// add adds a variant of m with other content of one file, and returns its number.
func (v *variants) add(m madeUp, what string, data []byte) int {
	switch what {
	case "keys":
		if m.keys == "" {
			m.rules = string(data)
		} else {
			m.keys = string(data)
		}
	case "flake":
		m.flake = string(data)
	}
	id := m.keys + "\x00" + m.rules + "\x00" + m.flake + "\x00" + m.host
	if n, there := v.byID[id]; there {
		return n
	}
	n := v.n
	v.n++
	v.byID[id] = n
	files := map[string]string{"secrets.nix": m.rules, "flake.nix": m.flake, "host": m.host}
	holds := m.rules
	if m.keys != "" {
		files["keys.nix"], holds = m.keys, m.keys
	}
	if let := letOf([]byte(holds)); let != nil {
		files["let.nix"] = string(let)
	}
	for name, text := range files {
		put(v.t, filepath.Join(v.dir, strconv.Itoa(n)), name, text)
	}
	return n
}

const evaluator = `
let
  keep = %s;
  has = builtins.pathExists;
  one = n: let
    dir = ./. + "/${n}";
    host = builtins.readFile (dir + "/host");
    outputs = (import (dir + "/flake.nix")).outputs;
    inputs = {
      nixpkgs = { };
      self = made;
      auto-installer.lib.mkInstallers = { self, hosts ? "hosts" }: {
        nixosConfigurations."${host}-installer" = { };
        packages.x86_64-linux."${host}InstallerIso" = 1;
      };
    };
    wanted = builtins.functionArgs outputs;
    made = outputs (if wanted == { } then inputs else builtins.intersectAttrs wanted inputs);
  in {
    keys = if has (dir + "/keys.nix") then keep (import (dir + "/keys.nix")) else null;
    scope = if has (dir + "/let.nix") then keep (import (dir + "/let.nix")) else null;
    rules = builtins.mapAttrs (_: r: r.publicKeys) (import (dir + "/secrets.nix"));
    systems = builtins.attrNames (made.nixosConfigurations or { });
    images = builtins.attrNames (made.packages.x86_64-linux or { });
  };
in builtins.listToAttrs (map (n: { name = n; value = one n; }) (import ./which.nix))
`

// evaluate evaluates variants. The result lacks those with an error.
func (v *variants) evaluate(from, to int) map[int]evaluated {
	if from == to {
		return nil
	}
	var which strings.Builder
	for n := from; n < to; n++ {
		fmt.Fprintf(&which, " %q", strconv.Itoa(n))
	}
	put(v.t, v.dir, "which.nix", "["+which.String()+" ]\n")
	put(v.t, v.dir, "all.nix", fmt.Sprintf(evaluator, "("+plainValue+")"))
	cmd := exec.Command("nix", "--extra-experimental-features", "nix-command", "eval", "--json", "--file", filepath.Join(v.dir, "all.nix"))
	cmd.Env = append(os.Environ(), "NIX_REMOTE=dummy://")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil && to-from == 1 {
		v.t.Logf("variant %d: %s", from, said.String())
		return nil
	}
	found := map[int]evaluated{}
	if err != nil {
		middle := (from + to) / 2
		maps.Copy(found, v.evaluate(from, middle))
		maps.Copy(found, v.evaluate(middle, to))
		return found
	}
	if err := json.Unmarshal(out, &found); err != nil {
		v.t.Fatal(err)
	}
	return found
}

var errNoValue = errors.New("nix cannot evaluate it")

// In random repos of all known shapes, every edit that new-host writes or prints keeps
// every old value, and gives no secret to a host that its rule does not name.
// EDITS_SEED=N draws others.
func TestEditsMeanWhatTheyShould(t *testing.T) {
	nixtest.Need(t)
	seed := uint64(12)
	if text := os.Getenv("EDITS_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("EDITS_SEED=%d", seed)
	a := author{rand.New(rand.NewPCG(seed, 0))}
	v := &variants{t: t, dir: t.TempDir(), byID: map[string]int{}}
	type job struct {
		madeUp
		w      *work
		claim  keysnix.Claim
		src    []byte
		before int
	}
	jobs := make([]job, 500)
	for i := range jobs {
		m := a.repo()
		w := Request{Host: hosts.Host{TargetHost: m.host}}.work(v.dir)
		w.before["flake.nix"] = []byte(m.flake)
		src := []byte(m.keys)
		if m.keys == "" {
			src = []byte(m.rules)
		}
		c := keysnix.Claim{Host: m.host, Key: newKey, Known: m.known, Rules: m.keys == ""}
		j := job{m, w, c, src, v.add(m, "", nil)}
		_, err := c.Enter(src, keysnix.Meaning{}, func(data []byte) (keysnix.Meaning, error) {
			v.add(m, "keys", data)
			return keysnix.Meaning{}, errNoValue
		})
		if err != nil {
			t.Fatalf("%d: %v\n%s", i, err, src)
		}
		if m.shape == shapeDefinitions {
			v.add(m, "flake", applied([]byte(m.flake), w.flakeEdits([]byte(m.flake))))
		}
		jobs[i] = j
	}
	first := v.n
	values := v.evaluate(0, first)
	written, printed := map[string]int{}, map[string]int{}
	var byPerson []func(map[int]evaluated)
	for i, j := range jobs {
		before, ok := values[j.before]
		if !ok {
			t.Fatalf("%d: %s cannot be evaluated:\n%s\n%s\n%s", i, j.style, j.keys, j.rules, j.flake)
		}
		eval := func(data []byte) (keysnix.Meaning, error) {
			e, ok := values[v.add(j.madeUp, "keys", data)]
			if !ok {
				return keysnix.Meaning{}, errNoValue
			}
			return e.meaning(), nil
		}
		chosen, err := j.claim.Enter(j.src, before.meaning(), eval)
		if err != nil {
			t.Fatal(err)
		}
		isEdit := chosen.Hand.Text == ""
		if !isEdit {
			printed[j.style]++
			if !strings.Contains(chosen.Hand.Text, newKey) {
				t.Errorf("%d: %s: no line is printed", i, j.style)
			}
			if j.must {
				t.Errorf("%d: %s is not edited for %s: %v\n%s%s", i, j.style, j.host, chosen.Why, j.keys, j.rules)
			}
		} else {
			written[j.style]++
		}
		after, ok := values[v.add(j.madeUp, "keys", chosen.Data)]
		if !ok {
			t.Errorf("%d: %s: nix cannot evaluate\n%s", i, j.style, chosen.Data)
			continue
		}
		j.meansTheSame(t, i, before, after, chosen.Data, isEdit)
		// The flake.
		src := []byte(j.flake)
		names := func(e evaluated) []string { return qualified(e.Systems, e.Images) }
		flake, hand := src, []keysnix.HandLine{}
		switch j.shape {
		case shapeFolders:
			if !slices.Contains(before.Systems, j.host+"-installer") {
				t.Errorf("%d: mkInstallers makes %v", i, before.Systems)
			}
			continue
		case shapeNone:
			hand = j.w.callMkInstallers()
		case shapeDefinitions:
			edits := j.w.flakeEdits(src)
			why := errNoValue
			if e, ok := values[v.add(j.madeUp, "flake", applied(src, edits))]; ok {
				why = judgeFlake(j.host, names(before), names(e), edits)
			}
			if why != nil || edits[0].at == 0 {
				t.Errorf("%d: nixosHostDefinitions is not added to: %v\n%s", i, why, j.flake)
			}
			flake = applied(src, edits)
			j.w.draftFlake(sys.NewFake(t), src, edits)
			hand = j.w.flakeHand
		}
		if got := shapeOf(src); got != j.shape {
			t.Errorf("%d: its shape is %v, not %v:\n%s", i, got, j.shape, j.flake)
		}
		if strings.Contains(j.flake, "\r\n") && bytes.Count(flake, []byte("\n")) != bytes.Count(flake, []byte("\r\n")) {
			t.Errorf("%d: line ends are mixed in\n%q", i, flake)
		}
		flake = person(flake, hand)
		n := v.add(j.madeUp, "flake", flake)
		byPerson = append(byPerson, func(values map[int]evaluated) {
			after, ok := values[n]
			if !ok {
				t.Errorf("%d: nix cannot evaluate\n%s", i, flake)
				return
			}
			for _, set := range []struct {
				was, is []string
				added   string
			}{{before.Systems, after.Systems, j.host + "-installer"}, {before.Images, after.Images, j.host + "InstallerIso"}} {
				want := sorted(append(slices.Clone(set.was), set.added))
				if !slices.Equal(want, sorted(set.is)) {
					t.Errorf("%d: the flake has %v, not %v:\n%s", i, set.is, want, flake)
				}
			}
		})
	}
	maps.Copy(values, v.evaluate(first, v.n))
	for _, check := range byPerson {
		check(values)
	}
	t.Logf("%d variants; written: %v; printed: %v", v.n, written, printed)
	if len(written)+len(printed) < 17 {
		t.Error("not all shapes were met")
	}
}

// person adds printed lines to a flake.
func person(flake []byte, lines []keysnix.HandLine) []byte {
	text := string(flake)
	before := func(mark, line string) { text = strings.Replace(text, mark, line+"\n"+mark, 1) }
	for _, l := range lines {
		switch l.Place {
		case "nixosHostDefinitions":
			before("# definitions", l.Text)
		case "packages.x86_64-linux":
			before("# images", l.Text)
		case "inputs":
			before("# inputs", l.Text)
		case "the arguments of outputs, unless they are there,":
			head, tail, _ := strings.Cut(text, "outputs = ")
			args, body, _ := strings.Cut(tail, ":")
			if !strings.Contains(args, "{ ") { // only its name, inputs
				args += "@{ ... }"
			}
			for word := range strings.FieldsSeq(l.Text) {
				if !strings.Contains(args, " "+strings.TrimSuffix(word, ",")) {
					args = strings.Replace(args, "{ ", "{ "+word+" ", 1)
				}
			}
			text = head + "outputs = " + args + ":" + body
		case "the end of nixosConfigurations":
			before("/* systems */", l.Text)
		case "the end of packages.x86_64-linux":
			before("/* images */", l.Text)
		}
	}
	return []byte(text)
}

// meansTheSame checks an edit by the author's knowledge, without the judge.
func (m madeUp) meansTheSame(t *testing.T, i int, before, after evaluated, data []byte, isEdit bool) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%d: %s: %s\nit was\n%s\n%s\nand is\n%s", i, m.style, fmt.Sprintf(format, args...), m.keys, m.rules, data)
	}
	for file, was := range before.Rules {
		is := after.Rules[file]
		gained := slices.Contains(is, newKey)
		rest := slices.DeleteFunc(slices.Clone(is), func(key string) bool { return key == newKey })
		if gained && !slices.Contains(m.all, file) || !slices.Equal(sorted(was), sorted(rest)) {
			fail("%s is for %v, and was for %v", file, is, was)
		}
	}
	if len(after.Rules) != len(before.Rules) {
		fail("there are other rules")
	}
	has := false
	for _, v := range [][2]any{{before.Keys, after.Keys}, {before.Scope, after.Scope}} {
		was, _ := v[0].(map[string]any)
		is, _ := v[1].(map[string]any)
		for name, value := range was {
			now := is[name]
			if set, isSet := value.(map[string]any); isSet { // a host may be in it
				rest := maps.Clone(is[name].(map[string]any))
				if _, old := set[m.host]; !old && rest[m.host] != nil {
					if !slices.Contains([]string{"hosts", "machines", "systems", "servers", "by"}, name) || slices.Contains(m.known, name) {
						fail("the host is in the set %s", name)
					}
					has = m.own(t, fail, rest[m.host]) || has
					delete(rest, m.host)
				}
				now = rest
			}
			if list, isList := value.([]any); isList && slices.Contains(m.all, name) {
				now = slices.DeleteFunc(slices.Clone(now.([]any)), func(key any) bool { return key == newKey })
				value = list
			}
			if !reflect.DeepEqual(value, now) {
				fail("%s is %v, and was %v", name, now, value)
			}
		}
		for name, value := range is {
			if _, there := was[name]; there {
				continue
			}
			if name != m.host {
				fail("%s is new", name)
			}
			has = m.own(t, fail, value) || has
		}
	}
	if isEdit && !has {
		fail("the host has no key")
	}
}

// own checks that a host's value is its own key and those of people.
func (m madeUp) own(t *testing.T, fail func(string, ...any), value any) bool {
	t.Helper()
	list := stringsIn(value)
	if !slices.Contains(list, newKey) {
		fail("its own key is not in %v", list)
	}
	for _, key := range list {
		if slices.Contains(m.hosts, key) && !slices.Contains(m.shared, key) {
			fail("it is for %s too", key)
		}
	}
	return true
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// stringsIn are the strings of a value.
func stringsIn(v any) (list []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			list = append(list, stringsIn(e)...)
		}
	case map[string]any:
		for _, e := range v {
			list = append(list, stringsIn(e)...)
		}
	}
	return list
}
