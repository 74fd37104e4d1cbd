package hosts

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// nixOption is an option as modules/options.nix declares it.
type nixOption struct {
	key     string
	helper  string // what declares it there: required, switch, text, number, lines, list or mkOption
	initial string // the default as Nix writes it, where the helper takes one
}

// A line of hostOptions, which has one option or one table a line.
var optionLine = regexp.MustCompile(`^( +)(\w+) = (?:(required|switch|text|number|lines|list|mkOption)\b ?("[^"]*"|\S*)|\{$)`)

func nixOptions(t *testing.T) []nixOption {
	t.Helper()
	data, err := os.ReadFile("../modules/options.nix")
	if err != nil {
		t.Fatal(err)
	}
	_, body, found := strings.Cut(string(data), "\n  hostOptions = {\n")
	body, _, closed := strings.Cut(body, "\n  };\n")
	if !found || !closed {
		t.Fatal("modules/options.nix has no hostOptions")
	}
	const depth = 4 // spaces before an option of no table
	var options []nixOption
	table := ""
	for line := range strings.SplitSeq(body, "\n") {
		m := optionLine.FindStringSubmatch(line)
		switch {
		case line == "    };":
			table = ""
		case m == nil:
		case len(m[1]) == depth && m[3] == "":
			table = m[2] + "."
		case len(m[1]) == depth || len(m[1]) == depth+2 && table != "":
			options = append(options, nixOption{table + m[2], m[3], m[4]})
		}
	}
	return options
}

// What a Go field may be declared with in Nix, where the default says nothing
// of it.
var nixHelpers = map[string][]string{
	"targetHost": {"required"}, "labels.efi": {"required"}, "labels.root": {"required"},
	"extraPackages":     {"mkOption"}, // packages as well as their names
	"extraBootCommands": {"lines"}, "bannerText": {"lines"},
}

func TestNixDeclaresTheKeysOfHostTOML(t *testing.T) {
	h := Default()
	var want, got []string
	declared := map[string]nixOption{}
	for _, o := range nixOptions(t) {
		got = append(got, o.key)
		declared[o.key] = o
	}
	for _, f := range fields(&h) {
		want = append(want, f.key)
		o := declared[f.key]
		helper, initial := "", ""
		switch v := f.value.Interface().(type) {
		case bool:
			helper, initial = "switch", strconv.FormatBool(v)
		case int:
			helper, initial = "number", strconv.Itoa(v)
		case string:
			helper, initial = "text", strconv.Quote(v)
		case []string:
			helper = "list"
		}
		if special, ok := nixHelpers[f.key]; ok {
			if !slices.Contains(special, o.helper) {
				t.Errorf("%s is declared with %q, want %q", f.key, o.helper, special)
			}
			continue
		}
		if o.helper != helper || helper != "list" && o.initial != initial {
			t.Errorf("%s is declared as %s %s, want %s %s", f.key, o.helper, o.initial, helper, initial)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("modules/options.nix declares\n%q\nhost.toml has\n%q", got, want)
	}
}
