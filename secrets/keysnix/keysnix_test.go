package keysnix

import (
	"errors"
	"strings"
	"testing"
)

const (
	keyA = "age1km66xyyyq8s20qvad08pu7pujqn62e9xux32pl5xr6wdgvgnl4jsfeer43"
	keyB = "age1584vey87tn5hzyr9qmt04pnls9ja2qzeedghpmhvst6e8q9y4a6q8v63lk"
	keyC = "age1j890ez4lzx308z9cf084ejzmpaew6n7zpcdu6tylh7c35mfm0sqq4np4ka"
	keyS = "age1c6zds52auhxmgzyem2r55flwd98zvglpjfd85z6h69m54r3caets29wfs3" // shared
	keyP = "age1xlmtse68ltwmn3lhczsw4wkmr8vk5fkhcqrwdgn9x2fzf0dd6pcqtmlfqd" // personal
	keyN = "age1m7k7zu7r7xtvhc3rfdhmykjp3m7z93jrs36yw9m9p6vc9wh0xfvqdggnle" // new
	keyO = "age127u67wcq3qx6wjvz6jasdegc5ctaj6c70mg87tlgfa39zaugkfjsu52qre" // another new one
)

// keysText fills in the keys: @A and so on.
func keysText(s string) string {
	return strings.NewReplacer("@A", keyA, "@B", keyB, "@C", keyC, "@S", keyS, "@P", keyP, "@N", keyN).Replace(s)
}

// added is the editor's first proposal.
func added(src []byte, host, key string) (*Edit, error) {
	return first(src, Claim{Host: host, Key: key})
}

// replaced has the new key of a host.
func replaced(src []byte, host, key string) (*Edit, error) {
	if _, err := KeyOf(src, host); err != nil {
		return nil, err
	}
	return first(src, Claim{Host: host, Key: key, Replace: true})
}

func first(src []byte, c Claim) (*Edit, error) {
	list, why, err := c.propose(src)
	switch {
	case err != nil:
		return nil, err
	case list[0].Hand.Text != "":
		return nil, why
	}
	return list[0], nil
}

var keysCases = []struct {
	name string
	src  string
	add  string // lines that adding "new" adds; empty: a ShapeError
}{
	{"hosts and entries", `# who may open what
let
  hosts = {
    one = "@A"; # first
    two = "@B";
  };
  users = {
    "josh@two" = "@P";
    # "josh@one" = "...";
  };
  all = builtins.attrValues users;
in {
  one = [hosts.one] ++ all;
  # the second
  two = [hosts.two] ++ all;
  josh = all;
}
`, "    new = \"@N\";\n  new = [hosts.new] ++ all;"},
	{"flat lists", `{
  "one" = [
    "@A"
    "@S"
  ];
  "two" = [
    "@B"
    "@S"
    "@P"
  ];
  "josh" = [
    "@P"
  ];
}
`, "  \"new\" = [\n    \"@N\"\n    \"@S\"\n  ];"},
	{"shared keys", `let
  sharedKeys = [ "@S" ];
  personal = "@P";
  hosts = {
    one = "@A";
  };
in
{
  one = [ hosts.one ] ++ sharedKeys ++ [ personal ];
}
`, "    new = \"@N\";\n  new = [ hosts.new ] ++ sharedKeys ++ [ personal ];"},
	{"many lines", `let hosts = {
	one = "@A";
	two-b = "@B";
}; in {
	one = [
		hosts.one # its own
		"@P"
	];
	two-b = [
		hosts."two-b" /* its
		own */
		# and mine
		"@P"
	];
}
`, "\tnew = \"@N\";\n\tnew = [\n\t\thosts.\"new\" /* its\n\t\town */\n\t\t# and mine\n\t\t\"@P\"\n\t];"},
	{"one line", `{ one = "@A"; two = "@B"; }`, `{ one = "@A"; two = "@B"; new = "@N"; }`},
	{"let keys", `let
  one = "@A";
  two = "@B";
  everyone = [ one two ];
in
{
  "wifi.age".publicKeys = everyone;
}
`, ""},
	{"dotted", "let\n  hosts.one = \"@A\";\nin {\n  one = [ hosts.one ];\n}\n", "  hosts.new = \"@N\";\n  new = [ hosts.new ];"},
	{"sets of keys", `{
  users = {
    josh = "@P";
  };
  hosts = {
    one = "@A";
  };
}
`, "    new = \"@N\";"},
	{"windows", "{\r\n  one = \"@A\";\r\n}\r\n", "  new = \"@N\";"},
	{"no end of line", "{\n  one = \"@A\";\n}", "  new = \"@N\";"},
	{"in one list", "let\n  hosts = {\n    one = [ \"@A\" ];\n  };\nin\n  {\n  one = hosts.one;\n}\n", "    new = [ \"@N\" ];\n  new = hosts.new;"},

	{"computed", "let\n  hosts = builtins.mapAttrs f (builtins.readDir ./hosts);\nin hosts\n", ""},
	{"a function", "{ lib, ... }:\n{\n  one = \"@A\";\n}\n", ""},
	{"no host", "{\n}\n", ""},
	{"people", "{\n  users = {\n    josh = \"@P\";\n  };\n}\n", ""},
	{"two sets", "{\n  home = {\n    one = \"@A\";\n  };\n  work = {\n    two = \"@B\";\n  };\n}\n", ""},
	{"not nix", "{\n  one = [ \"@A\" };\n}\n", ""},
}

func TestAdd(t *testing.T) {
	for _, c := range keysCases {
		t.Run(c.name, func(t *testing.T) {
			src := keysText(c.src)
			e, err := added([]byte(src), "new", keyN)
			if c.add == "" {
				if _, ok := errors.AsType[*ShapeError](err); !ok {
					t.Fatalf("error %v, %+v", err, e)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Join(e.Added, "\n"), keysText(c.add); got != want {
				t.Errorf("added\n%s\nnot\n%s", got, want)
			}
			k, err := KeyOf(e.Data, "new")
			if err != nil || k != keyN {
				t.Errorf("its key is %v, %v", k, err)
			}
			if _, err := added(e.Data, "new", keyO); !errors.Is(err, ErrHostExists) {
				t.Errorf("added twice: %v", err)
			}
			r, err := replaced(e.Data, "new", keyO)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.ReplaceAll(string(e.Data), keyN, keyO); string(r.Data) != want {
				t.Errorf("replaced it is\n%s", r.Data)
			}
		})
	}
}

// A note points out bindings that name hosts one by one.
func TestListsOfHosts(t *testing.T) {
	src := keysText(`let
  hosts = {
    one = "@A";
    two = "@B";
  };
  publishers = [
    hosts.one
    hosts.two
  ];
in {
  one = [ hosts.one ];
  two = [ hosts.two ];
  inherit publishers;
}
`)
	e, err := added([]byte(src), "three", keyN)
	if err != nil || len(e.Notes) != 1 || !strings.Contains(e.Notes[0], "line 6: publishers") {
		t.Errorf("%v, %+v", err, e)
	}
}

// Of two shapes the editor copies the one with fewer keys, and a note points out
// what is named after its host.
func TestBorrowedKeys(t *testing.T) {
	for entry, notes := range map[string]int{`users.me`: 0, `users."me@two"`: 1} {
		src := keysText(`let
  hosts = {
    one = "@A";
    two = "@B";
  };
  users = {
    "me@one" = "@S";
    "me@two" = "@S";
    me = "@P";
  };
in {
  one = [ hosts.one users."me@one" users.me ];
  two = [ hosts.two ` + entry + ` ];
}
`)
		e, err := added([]byte(src), "new", keyN)
		if err != nil || e.Added[1] != `  new = [ hosts.new `+entry+` ];` || len(e.Notes) != notes {
			t.Errorf("%s: %v, %q, %q", entry, err, e.Added, e.Notes)
		}
	}
}

func TestHostNames(t *testing.T) {
	src := []byte(keysText("{\n  one = \"@A\";\n}\n"))
	for name, want := range map[string]string{"in": `"in"`, "9p": `"9p"`, "a-b": "a-b", "_x": "_x", "or": `"or"`} {
		e, err := added(src, name, keyN)
		if err != nil || e.Added[0] != "  "+want+" = \""+keyN+"\";" {
			t.Errorf("%s: %v %+v", name, err, e)
		}
	}
	for _, edit := range []func([]byte, string, string) (*Edit, error){added, replaced} {
		two := []byte(keysText("{\n  one = \"@A\";\n  two = \"@B\";\n}\n"))
		refused := 0
		for _, name := range []string{"two", "new"} {
			if _, err := edit(two, name, keyA); errors.Is(err, ErrKeyInUse) {
				refused++
			}
		}
		if refused == 0 {
			t.Error("another's key was taken")
		}
	}
}

// Where the shape does not show where a key belongs, the user gets a line to add: an entry
// in the file's set, and otherwise the key for the rules.
func TestKeysByHand(t *testing.T) {
	for name, tt := range map[string]struct {
		src   string
		rules bool
		entry bool
	}{
		"a set for each host": {"{\n  web = { system = \"@A\"; admin = \"@B\"; };\n}\n", false, true},
		"a list of people": {
			"let me = [ \"ssh-ed25519 a\" \"ssh-ed25519 b\" ]; one = \"@A\"; two = \"@B\"; in { users = me; hosts = [ one two ]; }", false, true,
		},
		"two sets": {"let\n  hosts = { one = \"@A\"; };\n  servers = { two = \"@B\"; };\nin { one = [ hosts.one ]; }\n", false, true},
		"computed": {"import ./others.nix\n", false, false},
		"roles":    {"let systems = { system = \"@A\"; admin = \"@B\"; }; in { x = systems.system; }", false, true},
		"inline": {
			"let user1 = \"@P\"; system1 = \"@A\"; systems = [ system1 ]; in { \"s.age\".publicKeys = [ user1 system1 ]; }", true, false,
		},
		"inline, no let": {"{ \"s.age\".publicKeys = [ \"@P\" ]; }", true, false},
		"no rules":       {"{ lib }: { }", true, false},
	} {
		c := Claim{Host: "new", Key: keyN, Rules: tt.rules}
		src := []byte(keysText(tt.src))
		list, why, err := c.propose(src)
		if err != nil || why == nil {
			t.Errorf("%s: %v, %v", name, err, why)
			continue
		}
		if last := list[len(list)-1]; last.Hand != c.ForRules() || string(last.Data) != string(src) {
			t.Errorf("%s: at last %+v", name, last)
		}
		if tt.entry != (len(list) == 2) || tt.entry && (list[0].Hand.Text != keysText(`new = [ "@N" ];`) || !strings.Contains(string(list[0].Data), list[0].Hand.Text)) {
			t.Errorf("%s: %+v", name, list[0])
		}
	}
}

// A person may have the name of a host. The person's key is not the host's.
func TestPersonsNameIsFree(t *testing.T) {
	const one, two = keyA, keyB
	for src, want := range map[string]string{
		`{ users = { josh = "` + one + `"; }; hosts = { a = "` + two + `"; }; }`: "",
		`{ a = "` + two + `"; users.josh = "` + one + `"; }`:                     "",
		`{ workstations.josh = "` + one + `"; }`:                                 one,
		`{ hosts.josh = "` + one + `"; users.josh = "` + two + `"; }`:            one,
	} {
		got, err := KeyOf([]byte(src), "josh")
		if got != want || errors.Is(err, ErrNoHost) != (want == "") {
			t.Errorf("%s: %+v, %v", src, got, err)
		}
		if _, err := replaced([]byte(src), "josh", keyN); (err == nil) != (want != "") {
			t.Errorf("%s: replaced: %v", src, err)
		}
	}
}

// A set with the name of a host set does not hold hosts if the known hosts stand
// outside of it: a key added to it would get the secrets of something else.
func TestSetsOfOtherThings(t *testing.T) {
	for src, set := range map[string]string{
		`{ devices = { yubikey = "@A"; phone = "@B"; }; web = "@C"; }`: "",
		`{ systems = { x = "@A"; y = "@B"; }; web = "@C"; }`:           "",
		`{ hosts = { web = "@A"; x = "@B"; }; me = "@C"; }`:            "hosts",
		`{ devices = { web = "@A"; x = "@B"; }; me = "@C"; }`:          "devices",
	} {
		e, err := first([]byte(keysText(src)), Claim{Host: "nas", Key: keyN, Known: []string{"web"}})
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		k, err := readKeys(e.Data)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := k.find("nas"); err != nil || setOf(a.Attr) != set {
			t.Errorf("%s: %v in\n%s", src, err, e.Data)
		}
	}
}

// TestLesson18EditsKeepEveryOtherByte: an edit of a keys.nix with a let, comments and
// people only adds the new host's lines.
func TestLesson18EditsKeepEveryOtherByte(t *testing.T) {
	src := keysText(`# Who may read what. Do not sort!
let
  users = {
    "josh@laptop" = "@P"; # the one with the sticker
  };

  /* machines */
  hosts = {
    ultraviolet   = "@A";
    vermissian = "@B";   # down in the cellar
  };
in
{
  ultraviolet = [ hosts.ultraviolet users."josh@laptop" ];
  vermissian = [ hosts.vermissian users."josh@laptop" ]; # both
}
# the end
`)
	e, err := added([]byte(src), "stygianlibrary", keyN)
	if err != nil {
		t.Fatal(err)
	}
	old, left := strings.Split(src, "\n"), strings.Split(string(e.Data), "\n")
	var extra []string
	for _, line := range left {
		if len(old) > 0 && line == old[0] {
			old = old[1:]
			continue
		}
		extra = append(extra, strings.TrimSpace(line))
	}
	if len(old) > 0 {
		t.Errorf("changed or lost: %q in\n%s", old[0], e.Data)
	}
	all := strings.Join(extra, "\n")
	if len(extra) != 2 || !strings.Contains(all, keyN) || !strings.Contains(all, `stygianlibrary = [ hosts.stygianlibrary users."josh@laptop" ];`) {
		t.Errorf("added:\n%s", all)
	}
}
