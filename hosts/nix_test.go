package hosts

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// invalidCases are those that lab/nix-check holds modules/checks.nix to.
type invalidCases struct {
	Base map[string]any
	Case []struct {
		Set  map[string]any
		Says []string
	}
}

func TestWordsThatNixSaysToo(t *testing.T) {
	data, err := os.ReadFile("testdata/invalid.toml")
	if err != nil {
		t.Fatal(err)
	}
	var all invalidCases
	if err := toml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Case) < 100 {
		t.Errorf("only %d cases", len(all.Case))
	}
	if bad := hostOf(t, all.Base).Validate(); len(bad) > 0 {
		t.Errorf("the base is invalid: %v", bad)
	}
	for _, c := range all.Case {
		said := []string{}
		for _, e := range hostOf(t, all.Base, c.Set).Validate() {
			said = append(said, e.Error())
		}
		if !slices.Equal(said, c.Says) {
			t.Errorf("%v says\n%s\nwant\n%s", c.Set, strings.Join(said, "\n"), strings.Join(c.Says, "\n"))
		}
	}
}

// hostOf is a host with the defaults and what the tables set, the last first.
func hostOf(t *testing.T, tables ...map[string]any) Host {
	t.Helper()
	h := Default()
	for _, table := range tables {
		data, err := toml.Marshal(table)
		if err != nil {
			t.Fatal(err)
		}
		if err := toml.Unmarshal(data, &h); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// nixOption is an option of modules/options.nix as its line there reads.
type nixOption struct {
	key, kind, value string // kind: the helper's name; value: its default, as Nix
}

var optionLine = regexp.MustCompile(`^( +)(\w+) = (?:(required|switch|text|number|lines|list|mkOption)\b *([^ ]*)|\{$)`)

// nixOptions reads the attribute set hostOptions of modules/options.nix, which
// has one option or one table a line at its own depth.
func nixOptions(t *testing.T) []nixOption {
	t.Helper()
	data, err := os.ReadFile("../modules/options.nix")
	if err != nil {
		t.Fatal(err)
	}
	_, body, found := strings.Cut(string(data), "\n  hostOptions = {\n")
	if !found {
		t.Fatal("modules/options.nix has no hostOptions")
	}
	body, _, found = strings.Cut(body, "\n  };\n")
	if !found {
		t.Fatal("hostOptions has no end")
	}
	var options []nixOption
	table := ""
	for line := range strings.SplitSeq(body, "\n") {
		m := optionLine.FindStringSubmatch(line)
		switch {
		case strings.TrimSpace(line) == "};" && strings.HasPrefix(line, "    }"):
			table = ""
		case m == nil:
		case len(m[1]) == 4 && m[3] == "":
			table = m[2] + "."
		case len(m[1]) == 4 || len(m[1]) == 6 && table != "":
			options = append(options, nixOption{table + m[2], m[3], m[4]})
		}
	}
	return options
}

func TestNixOptionsAreTheKeysOfHostTOML(t *testing.T) {
	h := Default()
	var want []nixOption
	for _, f := range fields(&h) {
		o := nixOption{key: f.key}
		switch v := f.value.Interface().(type) {
		case bool:
			o.kind, o.value = "switch", map[bool]string{true: "true", false: "false"}[v]
		case int:
			o.kind, o.value = "number", f.value.String()
		case string:
			o.kind, o.value = "text", `"`+v+`"`
		case []string:
			o.kind = "list"
		default:
			t.Fatalf("%s: no Nix type for %s", f.key, reflect.TypeOf(v))
		}
		want = append(want, o)
	}
	_ = want
}
