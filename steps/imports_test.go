package steps_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "auto-installer"

// data are packages that hold data and what is done with it in memory.
var data = []string{"hosts", "modules", "nixtext", "secrets"}

// layer says where a package stands: it may import only what stands lower.
// Packages that are not of the program have none.
func layer(pkg string) (int, bool) {
	name, ok := strings.CutPrefix(pkg, module+"/")
	switch {
	case pkg == module:
		return 5, true
	case !ok:
		return 0, false
	case name == "tui" || strings.HasPrefix(name, "tui/"):
		return 4, true
	case name == "steps":
		return 3, true
	case strings.HasPrefix(name, "steps/internal/"):
		return 1, true
	case strings.HasPrefix(name, "steps/"):
		return 2, true
	case slices.Contains(data, name):
		return 0, true
	}
	return 0, false
}

// allowed tells whether one package of ours may import another.
func allowed(from, to string) bool {
	if from == module+"/secrets" && to == module+"/nixtext" { // in which keys.nix is read
		return true
	}
	if slices.Contains(data, strings.TrimPrefix(to, module+"/")) { // everyone's
		return !slices.Contains(data, strings.TrimPrefix(from, module+"/"))
	}
	f, isOurs := layer(from)
	l, known := layer(to)
	switch {
	case !isOurs || !known:
		return isOurs == known || !isOurs // the lab may use ours, never the other way round
	case f == 1 && l == 1: // among steps/internal, which the compiler keeps from going round
		return from != to
	case strings.HasPrefix(from, module+"/tui") && strings.HasPrefix(to, module+"/tui/"):
		return true
	case f == 5 && l < 3, f == 4 && l < 3: // what is below steps is steps' own
		return false
	}
	return f > l
}

func TestImportsGoOneWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		seen++
		for _, to := range words[1:] {
			if to != module && !strings.HasPrefix(to, module+"/") {
				continue
			}
			if !allowed(words[0], to) {
				t.Errorf("%s imports %s", words[0], to)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d packages were listed", seen)
	}
}

// TestImportRules keeps the rules themselves honest.
func TestImportRules(t *testing.T) {
	m := func(names ...string) []string {
		for i, n := range names {
			names[i] = strings.TrimSuffix(module+"/"+n, "/")
		}
		return names
	}
	for _, good := range [][]string{
		m("", "steps"), m("", "tui"), m("", "hosts"), m("tui", "steps"), m("tui", "hosts"), m("tui", "secrets"), m("steps/identity", "secrets"), m("steps", "steps/gate"), m("steps", "hosts"), m("steps", "modules"),
		m("steps", "steps/internal/sys"), m("steps/gate", "steps/internal/block"), m("steps/internal/block", "steps/internal/sys"), m("lab", "hosts"),
	} {
		if !allowed(good[0], good[1]) {
			t.Errorf("%s may not import %s", good[0], good[1])
		}
	}
	for _, bad := range [][]string{
		m("hosts", "steps"), m("secrets", "steps"), m("secrets", "hosts"), m("hosts", "steps/internal/sys"), m("steps", "tui"), m("steps/gate", "steps"), m("steps/gate", "steps/mount"),
		m("steps/gate", "tui"), m("tui", "steps/gate"), m("tui", "steps/internal/sys"), m("", "steps/gate"), m("steps/internal/sys", "steps/gate"),
		m("steps", ""), m("steps", "lab"), m("", "lab"),
	} {
		if allowed(bad[0], bad[1]) {
			t.Errorf("%s may import %s", bad[0], bad[1])
		}
	}
}
